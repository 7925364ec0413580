import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

const withStaleLife = { ttl: '10s', staleFor: '10s' } as const;
let clock: FakeClock;
let store: Store;
let faulty: FaultyStore;
let cache: TieredCache;

beforeEach(async () => {
  clock = new FakeClock();
  store = memoryStore({ clock });
  faulty = new FaultyStore(store);
  cache = await buildCache({ store: faulty.store, clock });
});
afterEach(() => cache.close());

describe('An entry whose freshness is ended', () => {
  it('stays in the store, and is served stale for its stale life, here and elsewhere', async () => {
    const elsewhere = await buildCache({ name: 'elsewhere', store, clock });
    await cache.set('k', 'old', withStaleLife);
    const storeKey = cache.storeKey('k');
    expect(await cache.expire('k')).toBe(true);
    expect((await store.shardOf(storeKey).readMany([storeKey]))[0]).toBeDefined();
    for (const one of [cache, elsewhere])
      expect(await one.lookup('k')).toMatchObject({ hit: true, freshness: 'stale' });
    expect(await cache.getOrSet('k', () => 'new', withStaleLife)).toBe('old');
    await clock.advance(1);
    expect(await cache.get('k')).toBe('new');
    await elsewhere.close();
  });

  it('that was stale already ends no later than it would have', async () => {
    await cache.set('k', 'old', withStaleLife);
    await clock.advance('15s');
    expect(await cache.expire('k')).toBe(true);
    await clock.advance('4900ms');
    expect(await cache.lookup('k')).toMatchObject({ hit: true, freshness: 'stale' });
    await clock.advance('100ms');
    expect(await cache.lookup('k')).toMatchObject({ hit: false });
  });

  it.each([30_000, -30_000])(
    'is stale to all at once, whoever ended it: by a clock that is off by %i ms',
    async (offMs) => {
      const there = await buildCache({ name: 'there', store, clock: new FakeClock(clock.now() + offMs) });
      const elsewhere = await buildCache({ name: 'elsewhere', store, clock, process: false });
      const life = { ttl: '1h', staleFor: '1h' } as const;
      await cache.set('k', 'old', life);
      expect(await there.expire('k')).toBe(true);
      for (const one of [elsewhere, there])
        expect(await one.lookup('k')).toMatchObject({ hit: true, freshness: 'stale' });
      const page = elsewhere.getOrSet(
        'page',
        async () => `page of ${await elsewhere.getOrSet('k', () => 'new', life)}`,
      );
      expect(await page).toBe('page of new');
      await Promise.all([there.close(), elsewhere.close()]);
    },
  );

  it('by a tag is served to nobody where it has no stale life', async () => {
    const elsewhere = await buildCache({ name: 'elsewhere', store, clock });
    await cache.set('k', 'old', { ttl: '10s', tags: ['t'] });
    expect(await cache.expireTags('t')).toBe(true);
    for (const one of [cache, elsewhere]) {
      expect(await one.lookup('k')).toMatchObject({ hit: false, reason: 'expired' });
      expect(await one.has('k')).toBe(false);
    }
    expect(await elsewhere.getOrSet('k', () => 'new')).toBe('new');
    await elsewhere.close();
  });

  it('is removed where it has no stale life, and where it holds what nobody understands', async () => {
    await cache.set('k', 'old', { ttl: '10s' });
    expect(await cache.expire('k')).toBe(true);
    const storeKey = cache.storeKey('k');
    const shard = store.shardOf(storeKey);
    expect(await shard.readMany([storeKey])).toEqual([undefined]);
    await shard.write(storeKey, Buffer.from('nonsense'), { lifeMs: Infinity });
    expect(await cache.expire('k')).toBe(true);
    expect(await shard.readMany([storeKey])).toEqual([undefined]);
    expect(await cache.expire('never there')).toBe(true);
  });

  it('is removed as soon as the store can be reached again; whoever wants a confirmation is told so', async () => {
    await cache.set('k', 'old', withStaleLife);
    const storeKey = cache.storeKey('k');
    faulty.down = '';
    expect(await cache.expire('k')).toBe(false);
    expect(await cache.get('k')).toBeUndefined();
    await expect(cache.expire('k', { confirm: true })).rejects.toThrow(StoreUnavailableError);
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await store.shardOf(storeKey).readMany([storeKey])).toEqual([undefined]);
  });
});

describe('An entry of a cache without a store', () => {
  it('is dropped where it is kept, and that is acknowledged', async () => {
    const alone = await buildCache({ store: undefined, clock, name: 'alone' });
    await alone.set('k', 'here', withStaleLife);
    expect(await alone.get('k')).toBe('here');
    expect(await alone.expire('k')).toBe(true);
    expect(await alone.get('k')).toBeUndefined();
    await alone.close();
  });
});
