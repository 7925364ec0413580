import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { shardOfKey } from '../../src/coherence/coherence.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { shardWith } from '../support/shard-with.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

const life = { ttl: '1h' } as const;
const lists = 'test~versions';
let clock: FakeClock;
/** `outer` lies on the part that stays, `inner` on the one that goes away. */
let shared: Store;
let away: Set<Shard>;
/** How often the list of versions was written on a part, which is how it is cleared. */
let clearings: Map<Shard, number>;
let here: TieredCache;
let there: TieredCache;

beforeEach(async () => {
  clock = new FakeClock();
  shared = twoShardStore(clock);
  away = new Set();
  const store = storeBehind(shared, (shard) => {
    const reached =
      <A extends unknown[], R>(work: (...given: A) => Promise<R>) =>
      async (...given: A): Promise<R> => {
        if (away.has(shard)) throw new StoreUnavailableError('a part', 'it is away');
        if (given[0] === lists && given.length === 3) clearings.set(shard, (clearings.get(shard) ?? 0) + 1);
        return work.apply(shard, given);
      };
    const { readMany, readOrStub, write, invalidate, readFeed } = shard as Required<Shard>;
    const own = { readMany, readOrStub, write, invalidate, readFeed };
    return shardWith(
      shard,
      Object.fromEntries(Object.entries(own).map(([name, work]) => [name, reached(work as () => Promise<unknown>)])),
    );
  });
  const coherence = { interval: 1_000, blindFor: 60_000 };
  here = await buildCache({ name: 'here', store, clock, coherence });
  there = await buildCache({ name: 'there', store: shared, clock, coherence });
  for (const key of ['outer', 'inner']) await there.set(key, 'old', life);
  for (const cache of [here, there]) await cache.getMany(['outer', 'inner']);
  await clock.advance('2s');
  clearings = new Map();
});
afterEach(() => Promise.all([here.close(), there.close()]));

const partOf = (key: string): Shard => shardOfKey(shared, 'test', key);
/** More names of one part than memory is there for: each is shown by its whole text. */
async function overflow(part: Shard): Promise<void> {
  const names = Array.from({ length: 2_400 }, (_, index) => `${index}`.padEnd(8_000, '-'));
  await here.deleteMany(names.filter((name) => partOf(name) === part));
}

describe('More names of one part of a store than memory is there for', () => {
  it('clear that part when it is back, for all processes, and the other not once', async () => {
    const [outer, inner] = [partOf('outer'), partOf('inner')];
    expect(outer).not.toBe(inner);
    away.add(inner);
    await overflow(inner);
    expect((await here.status()).unacknowledgedWrites).toBeLessThan(1_000);
    await clock.advance('20s');
    expect(clearings.get(outer) ?? 0).toBe(0);
    expect([await here.get('outer'), await here.get('inner')]).toEqual(['old', undefined]);
    away.clear();
    await clock.advance('5s');
    expect([clearings.get(outer) ?? 0, clearings.get(inner)]).toEqual([0, 1]);
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    for (const cache of [here, there]) {
      expect([cache.peek('outer'), cache.peek('inner')]).toEqual(['old', undefined]);
      expect([await cache.get('outer'), await cache.get('inner')]).toEqual(['old', undefined]);
    }
  });

  it('clear that part whatever the tags that wait after them are called', async () => {
    const parts = [partOf('outer'), partOf('inner')];
    for (const part of parts) away.add(part);
    await overflow(partOf('inner'));
    // Each is `\0\0` and the tag in the outbox.
    expect(await here.invalidateTags('\0clear 0', '\0clear 1')).toBe(false);
    away.clear();
    await clock.advance('10s');
    expect(clearings.get(partOf('inner'))).toBeGreaterThan(0);
    expect(await there.get('inner')).toBeUndefined();
  });

  it('T1 end what another process has built meanwhile from what it could still reach, near copies of this one included', async () => {
    away.add(partOf('inner'));
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    await overflow(partOf('inner'));
    await clock.advance('4s');
    const page = async (): Promise<string> => `page with ${await there.get<string>('inner')}`;
    expect(await there.getOrSet('outer', page, life)).toBe('page with old');
    expect(await here.get('outer')).toBe('page with old');
    away.clear();
    await clock.advance('10s');
    expect(clearings.get(partOf('outer'))).toBe(2);
    for (const cache of [here, there]) {
      expect(cache.peek('outer')).toBeUndefined();
      expect(await cache.get('outer')).toBeUndefined();
    }
  });
});
