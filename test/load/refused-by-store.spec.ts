import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { buildCache } from '../support/build-cache.js';
import { shardWith } from '../support/shard-with.js';

describe('A key that the store refuses', () => {
  const scope = new RequestScope();
  let cache: TieredCache;
  let loads: number;
  beforeEach(async () => {
    loads = 0;
    const refuses = (): Promise<never> => Promise.reject(new InvalidKeyError('the store refuses it'));
    const store = storeBehind(memoryStore(), (shard) => shardWith(shard, { readOrStub: refuses }));
    cache = await buildCache({ store, scope });
  });
  afterEach(() => cache.close());

  const load = (): number => ++loads;

  it.each<[string, () => Promise<unknown>]>([
    ['looked up', () => cache.getOrSet('k', load)],
    ['looked up among others', () => cache.getOrSetMany(['k', 'l'], (keys) => keys.map((key) => [key, load()]))],
    ['refreshed', () => cache.refresh('k', load)],
    ['looked up where a miss is forced', () => scope.run(() => (scope.forceMiss(), cache.getOrSet('k', load)))],
  ])('is what its caller is told, and nothing is loaded: %s', async (_, ask) => {
    await expect(ask()).rejects.toThrow(InvalidKeyError);
    expect(loads).toBe(0);
  });
});

it('A forced miss whose stub found no room is told to all, as others are', async () => {
  const store = memoryStore();
  const noRoom = { bytes: Buffer.alloc(0), won: true, revision: { session: -1, number: 0 } };
  const full = storeBehind(store, (shard) => shardWith(shard, { readOrStub: () => Promise.resolve([noRoom]) }));
  const scope = new RequestScope();
  const coherence = { interval: 20 } as const;
  const [one, other] = [await buildCache({ store: full, scope, coherence }), await buildCache({ store, coherence })];
  await other.getOrSet('k', () => 'old', { ttl: '1h' });
  await store.shards[0].remove(one.storeKey('k'));
  const forced = scope.run(() => (scope.forceMiss(), one.getOrSet('k', () => 'new', { ttl: '1h' })));
  expect(await forced).toBe('new');
  await eventually(async () => expect(await other.getOrSet('k', () => 'new')).toBe('new'));
  await one.close();
  await other.close();
});
