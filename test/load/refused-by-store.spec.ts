import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { InvalidKeyError } from '../../src/value/errors.js';
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
