import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { versionedKey } from '../../src/key/key.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';

const caches: TieredCache[] = [];
async function cacheWith(...given: Parameters<typeof buildCache>): Promise<TieredCache> {
  const cache = await buildCache(...given);
  caches.push(cache);
  return cache;
}
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

describe('TieredCache', () => {
  it('loads once, then answers from the process tier with the same frozen value', async () => {
    const cache = await cacheWith();
    let loads = 0;
    const load = () => ({ n: ++loads, list: [1] });
    const first = await cache.getOrSet('a', load);
    const second = await cache.getOrSet('a', load);
    expect(first).toEqual({ n: 1, list: [1] });
    expect(second).toBe(first);
    expect(Object.isFrozen(first.list)).toBe(true);
    expect(await cache.lookup('a')).toMatchObject({ hit: true, tier: 'process', freshness: 'fresh' });
  });

  it('answers another process from the store', async () => {
    const store = memoryStore();
    const [one, other] = [await cacheWith({ store }), await cacheWith({ store })];
    await one.getOrSet(versionedKey('a', 1), () => 'value');
    expect(await other.lookup(versionedKey('a', 1))).toMatchObject({ hit: true, tier: 'memory', value: 'value' });
  });

  it('sets, gets and deletes in both tiers, telling the other process', async () => {
    const store = memoryStore();
    const [one, other] = [await cacheWith({ store }), await cacheWith({ store })];
    expect(await one.set('a', false)).toBe(true);
    expect(await other.get('a')).toBe(false);
    expect(await one.delete('a')).toBe(true);
    expect(await one.lookup('a')).toMatchObject({ hit: false, reason: 'absent' });
    await eventually(async () => expect(await other.get('a')).toBeUndefined());
  });

  it('keeps what a request has read for that request alone', async () => {
    const scope = new RequestScope();
    const cache = await cacheWith({ process: false, scope });
    await cache.set('a', 1);
    await scope.run(async () => {
      expect(await cache.lookup('a')).toMatchObject({ tier: 'memory' });
      expect(await cache.lookup('a')).toMatchObject({ tier: 'request' });
    });
    expect(await cache.lookup('a')).toMatchObject({ tier: 'memory' });
  });

  it('loads the missing keys of a bulk with one call, in order, duplicates allowed', async () => {
    const cache = await cacheWith();
    await cache.set('b', 'B');
    const calls: unknown[] = [];
    const values = await cache.getOrSetMany(['a', 'b', 'a', 'c', 'd'], (keys) => {
      calls.push(keys);
      return new Map([
        ['a', 'A'],
        ['c', 'C'],
        ['zz', 'Z'],
      ]);
    });
    expect(values).toEqual(['A', 'B', 'A', 'C', undefined]);
    expect(calls).toEqual([['a', 'c', 'd']]);
    expect(await cache.get('zz')).toBeUndefined();
  });

  it('drops entries by tag also where there is no store', async () => {
    const cache = await cacheWith({ store: undefined });
    await cache.getOrSet('a', () => 1, { tags: ['t'] });
    expect([await cache.invalidateTags('t'), cache.peek('a')]).toEqual([true, undefined]);
  });

  it('drops entries by tag', async () => {
    const cache = await cacheWith();
    await cache.getOrSet('a', () => 1, { tags: ['t'] });
    expect(await cache.get('a')).toBe(1);
    expect(await cache.invalidateTags('t')).toBe(true);
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
    expect(await cache.getOrSet('a', () => 2, { tags: ['t'] })).toBe(2);
    expect(await cache.get('a')).toBe(2);
  });

  it('updates by compare-and-set and agrees on the first value', async () => {
    const store = memoryStore();
    const [one, other] = [await cacheWith({ store }), await cacheWith({ store })];
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).update<number>('n', (n = 0) => n + 1)),
    );
    const later = await cacheWith({ store }); // one and other may believe their own copies for an interval
    expect(await later.get('n')).toBe(20);
    const winners = await Promise.all([one.setIfAbsent('w', 1), other.setIfAbsent('w', 2)]);
    expect(new Set(winners).size).toBe(1);
  });

  it('forces a miss once per request', async () => {
    const scope = new RequestScope();
    const cache = await cacheWith({ scope });
    let n = 0;
    const load = () => ++n;
    await cache.getOrSet('a', load);
    await scope.run(async () => {
      scope.forceMiss();
      expect(await cache.getOrSet('a', load)).toBe(2);
      expect(await cache.getOrSet('a', load)).toBe(2);
    });
    expect(await cache.getOrSet('a', load)).toBe(2);
  });

  it('clears everything by a generation', async () => {
    const cache = await cacheWith();
    await cache.set('a', 1);
    await cache.dangerouslyClear();
    expect(await cache.get('a')).toBeUndefined();
    await cache.set('a', 2);
    expect(await cache.get('a')).toBe(2);
  });

  it('serves stale and refreshes once', async () => {
    const cache = await cacheWith();
    let n = 0;
    const load = async () => ++n;
    await cache.getOrSet('a', load, { ttl: 30, staleFor: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const life = { ttl: 60_000, staleFor: 60_000 };
    expect(await cache.getOrSet('a', load, life)).toBe(1);
    await eventually(async () => expect(await cache.getOrSet('a', load, life)).toBe(2));
    expect(n).toBe(2);
  });

  it('is its name alone where a logger writes it as JSON, not all that it holds', async () => {
    expect(JSON.stringify({ cache: await cacheWith({ name: 'catalog' }) })).toBe('{"cache":{"name":"catalog"}}');
  });
});
