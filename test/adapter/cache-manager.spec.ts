import { afterEach, describe, expect, it } from '@jest/globals';
import { createCache } from 'cache-manager';
import type { Cache, Events } from 'cache-manager';
import { Keyv } from 'keyv';
import { cacheManager } from '../../src/adapter/cache-manager.js';
import { keyvStorage } from '../../src/adapter/keyv-storage.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { structured } from '../../src/codec/structured.js';
import { versionedKey } from '../../src/key/key.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { InvalidDurationError, UnencodableValueError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';

const opened: TieredCache[] = [];
const open = async (...args: Parameters<typeof buildCache>) => {
  const cache = await buildCache(...args);
  opened.push(cache);
  return cache;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()));
});
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A loader that waits to be let go. */
function gate<T>(value: T) {
  let loads = 0;
  let release = (): void => {};
  let started = (): void => {};
  const open = new Promise<void>((resolve) => (release = resolve));
  const begun = new Promise<void>((resolve) => (started = resolve));
  const load = async (): Promise<T> => {
    loads++;
    started();
    await open;
    return value;
  };
  return { load, begun, release: () => release(), loads: () => loads };
}

describe('A cache-manager on the tiers', () => {
  it('sets, gets and deletes; null and false are values', async () => {
    const cache = cacheManager(await open());
    expect(await cache.set('key', 'value')).toBe('value');
    expect(await cache.get('key')).toBe('value');
    expect(await cache.get('absent')).toBeUndefined();
    await cache.set('null', null);
    await cache.set('false', false);
    expect([await cache.get('null'), await cache.get('false')]).toEqual([null, false]);
    expect(await cache.del('key')).toBe(true);
    expect(await cache.get('key')).toBeUndefined();
    expect(await cache.del('never')).toBe(true);
  });

  it('keeps its keys under names of its own, which the tiers know them by', async () => {
    const tiers = await open();
    const cache = cacheManager(tiers);
    const events = recordEvents('miss');
    await cache.get('cat:Tom');
    events.stop();
    expect(events.of('miss').map(({ key }) => key)).toEqual(['keyv:cache-manager:cat%3ATom']);
    await cache.set('cat:Tom', 1);
    await tiers.delete('cat:Tom');
    expect(await cache.get('cat:Tom')).toBe(1);
    await tiers.delete(versionedKey('keyv', 'cache-manager', 'cat:Tom'));
    expect(await cache.get('cat:Tom')).toBeUndefined();
  });

  it('ends a life of milliseconds, and takes 0 for no end, whatever the tiers default to', async () => {
    const cache = cacheManager(await open({ defaults: { ttl: 1, staleFor: '1h' } }), { ttl: 40 });
    const before = Date.now();
    await cache.set('short', 1, 30);
    await cache.set('default', 1);
    await cache.set('endless', 1, 0);
    await cache.set('long', 1, 60_000);
    expect(await cache.ttl('endless')).toBeUndefined();
    expect(await cache.ttl('absent')).toBeUndefined();
    const expires = (await cache.ttl('long')) as number;
    expect(expires).toBeGreaterThanOrEqual(before + 60_000);
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_000);
    await pause(80);
    expect(await cache.mget(['short', 'default', 'endless', 'long'])).toEqual([undefined, undefined, 1, 1]);
  });

  it('sets, gets and deletes many', async () => {
    const cache = cacheManager(await open());
    const list = [
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 1 },
      { key: 'c', value: 3, ttl: 0 },
    ];
    expect(await cache.mset(list)).toEqual(expect.arrayContaining([expect.objectContaining({ key: 'a', value: 1 })]));
    await pause(20);
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([1, undefined, 3]);
    expect(await cache.mdel(['a', 'c'])).toBe(true);
    expect(await cache.mget(['a', 'c'])).toEqual([undefined, undefined]);
  });

  it('clears its namespace in all processes, and nothing else', async () => {
    const store = memoryStore();
    const [tiers, elsewhere] = [await open({ store }), await open({ store })];
    const [one, other, stranger] = [
      cacheManager(tiers),
      cacheManager(elsewhere),
      cacheManager(tiers, { namespace: 'sessions' }),
    ];
    await tiers.set('own', 1);
    await stranger.set('a', 'of the stranger');
    await one.set('a', 1);
    expect(await other.get('a')).toBe(1);
    expect(await one.clear()).toBe(true);
    expect(await one.get('a')).toBeUndefined();
    await eventually(async () => expect(await other.get('a')).toBeUndefined());
    expect([await tiers.get('own'), await stranger.get('a')]).toEqual([1, 'of the stranger']);
  });

  it('tells its events', async () => {
    const cache = cacheManager(await open(), { cacheId: 'mine' });
    const told: string[] = [];
    const names: (keyof Events)[] = ['get', 'mget', 'set', 'mset', 'del', 'clear'];
    for (const name of names) cache.on(name, () => told.push(name));
    await cache.set('a', 1);
    await cache.get('a');
    await cache.mset([{ key: 'b', value: 1 }]);
    await cache.mget(['a']);
    await cache.del('a');
    await cache.clear();
    await cache.wrap('c', () => 1);
    expect([...new Set(told)].join(' ')).toBe('set get mset mget del clear');
    const heard: unknown[] = [];
    const listener = (data: unknown) => heard.push(data);
    cache.on('del', listener);
    await cache.del('x');
    cache.off('del', listener);
    await cache.del('y');
    expect(heard).toEqual([{ key: 'x' }]);
    expect(cache.cacheId()).toBe('mine');
    await cache.disconnect();
    expect(await cache.wrap('c', () => 2)).toBe(1);
  });

  it('shows its entries as a Keyv does', async () => {
    const cache = cacheManager(await open());
    await cache.wrap('a', () => 1, 60_000);
    expect(await cache.stores[0]?.get('a')).toBe(1);
    await cache.stores[0]?.set('b', 2, 60_000);
    expect(await cache.get('b')).toBe(2);
  });

  it('carries what the codec carries: plain JSON and bytes, or more', async () => {
    class Cat {
      constructor(readonly name: string) {}
    }
    const value = { at: new Date(0), cat: new Cat('Tom'), bytes: Buffer.from([255]) };
    const cache = cacheManager(await open());
    await cache.set('a', value);
    expect(await cache.get('a')).toEqual({ at: '1970-01-01T00:00:00.000Z', cat: { name: 'Tom' }, bytes: value.bytes });
    await expect(cache.set('bigint', 1n)).rejects.toThrow(UnencodableValueError);
    const richer = cacheManager(await open(), { codec: structured() });
    await richer.set('a', { at: new Date(0), big: 1n });
    expect(await richer.get('a')).toEqual({ at: new Date(0), big: 1n });
  });

  it('gives each caller a value of its own', async () => {
    const cache = cacheManager(await open());
    const value = await cache.wrap('a', () => ({ list: [1] }));
    value.list.push(2);
    expect(await cache.get('a')).toEqual({ list: [1] });
  });

  it('does not reject while the store is away, and says what did not arrive', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = cacheManager(await open({ store: faulty.store, process: false }));
    const errors: string[] = [];
    cache.on('mset', ({ error }) => error !== undefined && errors.push('mset'));
    cache.on('clear', (error) => error !== undefined && errors.push('clear'));
    await cache.set('a', 1);
    faulty.down = '';
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.mget(['a'])).toEqual([undefined]);
    expect(await cache.set('a', 2)).toBe(2);
    expect(await cache.mset([{ key: 'b', value: 1 }])).toEqual([{ key: 'b', value: 1 }]);
    expect(await cache.wrap('c', () => 3)).toBe(3);
    expect([await cache.del('a'), await cache.mdel(['a']), await cache.clear()]).toEqual([false, false, false]);
    expect(errors).toEqual(['mset', 'clear']);
  });

  it('refuses lives that are none', async () => {
    const tiers = await open();
    expect(() => cacheManager(tiers, { ttl: -1 })).toThrow(InvalidDurationError);
    expect(() => cacheManager(tiers, { refreshThreshold: 'soon' as never })).toThrow('refreshThreshold');
  });
});

describe('wrap', () => {
  it('refuses what is no function at its call, and loads for the next one', async () => {
    const cache = cacheManager(await open());
    await expect(cache.wrap('a', undefined as never)).rejects.toThrow('loader: it is no function.');
    expect(await cache.wrap('a', () => 'loaded')).toBe('loaded');
  });

  it('loads once for all who ask at once, here and in other processes', async () => {
    const store = memoryStore();
    const caches = [cacheManager(await open({ store })), cacheManager(await open({ store }))];
    const { load, begun, release, loads } = gate({ id: 1 });
    const asked = caches.flatMap((cache) => [cache.wrap('a', load, 60_000), cache.wrap('a', load, 60_000)]);
    await begun;
    await pause(50);
    release();
    expect(await Promise.all(asked)).toEqual(Array(4).fill({ id: 1 }));
    expect(loads()).toBe(1);
  });

  it('takes its life as a number, by name, or from the value; 0 has no end', async () => {
    const cache = cacheManager(await open(), { ttl: 5 });
    const left = async (key: string) => Math.round((((await cache.ttl(key)) ?? Infinity) - Date.now()) / 1_000);
    await cache.wrap('number', () => 1, 10_000);
    await cache.wrap('named', () => 1, { ttl: 20_000 });
    await cache.wrap('function', () => 30_000, { ttl: (value) => value });
    await cache.wrap('endless', () => 1, 0);
    await cache.wrap('default', () => 1);
    expect(await Promise.all(['number', 'named', 'function', 'endless'].map(left))).toEqual([10, 20, 30, Infinity]);
    await eventually(async () => expect(await cache.get('default')).toBeUndefined());
    const raw = await cache.wrap('number', () => 2, { raw: true });
    expect(raw).toEqual({ value: 1, expires: await cache.ttl('number') });
  });

  it('keeps null and not undefined, and throws what the loader throws', async () => {
    const cache = cacheManager(await open());
    let loads = 0;
    for (let times = 0; times < 2; times++) expect(await cache.wrap('null', () => (loads++, null))).toBeNull();
    expect(loads).toBe(1);
    for (let times = 0; times < 2; times++) expect(await cache.wrap('none', () => void loads++)).toBeUndefined();
    expect(loads).toBe(3);
    const failure = new Error('no such cat');
    await expect(
      cache.wrap('cat', () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
  });

  it('serves the value and refreshes it once for the fleet when less than the threshold is left', async () => {
    const store = memoryStore();
    const caches = [cacheManager(await open({ store })), cacheManager(await open({ store }))] as [Cache, Cache];
    const refreshed: unknown[] = [];
    for (const cache of caches) cache.on('refresh', (data) => refreshed.push(data));
    let loads = 0;
    const ask = (cache: Cache, refreshThreshold: number) =>
      cache.wrap('a', () => ++loads, { ttl: 60_000, refreshThreshold });
    expect(await ask(caches[0], 59_000)).toBe(1);
    await pause(1_100); // less than the threshold is left
    // Those who find it due write the next one with a threshold of their own: it is not due again while this runs.
    const [one, other] = [() => ask(caches[0], 10_000), () => ask(caches[1], 10_000)];
    expect(await Promise.all([one(), other(), one(), other()])).toEqual([1, 1, 1, 1]);
    await eventually(async () => expect([await one(), await other()]).toEqual([2, 2]));
    expect(loads).toBe(2);
    expect(refreshed).toEqual([{ key: 'a', value: 2 }]);
  });

  it('refreshes what was set as well, and by thresholds that are made of the value', async () => {
    const cache = cacheManager(await open(), { refreshThreshold: 3_000_000 });
    await cache.set('a', 'old', 6_000_000);
    await cache.set('b', 'old', 2_000_000);
    expect([await cache.wrap('a', () => 'new'), await cache.wrap('b', () => 'new', 2_000_000)]).toEqual(['old', 'old']);
    // A process that stood still writes no refresh. The next caller begins another.
    await eventually(async () => expect(await cache.wrap('b', () => 'new', 2_000_000)).toBe('new'));
    expect(await cache.get('a')).toBe('old');
    const refreshThreshold = (value: string): number => (value === 'old' ? 6_000_001 : 0);
    expect(await cache.wrap('a', () => 'new', { refreshThreshold })).toBe('old');
    await eventually(async () => expect(await cache.wrap('a', () => 'new', { refreshThreshold })).toBe('new'));
  });

  it('keeps what is due at once, also where the clock of the cache is ahead', async () => {
    const clock = new FakeClock();
    const cache = cacheManager(await open({ clock: new FakeClock(clock.now() + 5) }), { clock });
    const options = { ttl: 60_000, refreshThreshold: 60_000 };
    let loads = 0;
    expect(await cache.wrap('a', () => ++loads, options)).toBe(1);
    expect(await cache.wrap('a', () => ++loads, options)).toBe(1);
  });

  it('tells of a refresh that failed, and goes on with what it has', async () => {
    const cache = cacheManager(await open());
    const failure = new Error('source away');
    const told: unknown[] = [];
    cache.on('refresh', (data) => told.push(data));
    for (const [key, options] of [
      ['by the fill', { ttl: 60_000, refreshThreshold: 59_999 }],
      ['by itself', { ttl: 60_000, refreshThreshold: () => 60_001 }],
    ] as const) {
      await cache.wrap(key, () => 1, options);
      await pause(10);
      expect(await cache.wrap(key, () => Promise.reject(failure), options)).toBe(1);
      await eventually(() => expect(told).toContainEqual({ key, value: 1, error: failure }));
      expect(await cache.get(key)).toBe(1);
    }
    expect(told).toHaveLength(2);
  });

  /** A load reads the old row · the row is updated and its key deleted · the load finishes. */
  async function race(cache: Cache, elsewhere: Cache): Promise<unknown> {
    const { load, begun, release } = gate('old row');
    const loading = cache.wrap('row', load, 60_000);
    await begun;
    await elsewhere.del('row');
    release();
    await loading;
    return [await cache.get('row'), await elsewhere.get('row')];
  }

  it('never undoes a del by a load that began before it', async () => {
    const store = memoryStore();
    const [one, other] = [await open({ store }), await open({ store })];
    expect(await race(cacheManager(one), cacheManager(other))).toEqual([undefined, undefined]);
    expect(await race(cacheManager(one), cacheManager(one))).toEqual([undefined, undefined]);
  });

  it("does so with cache-manager's own wrap on the same tiers (negative control)", async () => {
    const tiers = await open();
    const own = createCache({ stores: [new Keyv({ store: keyvStorage(tiers) })] });
    expect(await race(own, own)).toEqual(['old row', 'old row']);
  });
});
