import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { InvalidDurationError } from '../../src/value/errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';

const minute = 60_000;
const day = 24 * 60 * minute;

describe('the life of an entry, by a clock that stands still', () => {
  let clock: VirtualClock;
  let store: Store;
  const caches: TieredCache[] = [];
  const scope = new RequestScope();
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const later = (ms: number) => clock.advanceTo(clock.now() + ms, settle);
  const cacheWith = async (configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
    const cache = await buildCache({ store, clock, scope, coherence: { interval: minute }, ...configuration });
    caches.push(cache);
    return cache;
  };
  beforeEach(() => {
    clock = new VirtualClock();
    store = memoryStore({ clock });
  });
  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });

  it('V4 a copy made after 50 of 60 minutes dies at 60 minutes, in the process and in a request', async () => {
    const [one, other] = [await cacheWith(), await cacheWith()];
    await one.set('a', 1, { ttl: 60 * minute });
    await later(50 * minute);
    await scope.run(async () => {
      expect(await other.lookup('a')).toMatchObject({ tier: 'memory' });
      expect(await other.lookup('a')).toMatchObject({ tier: 'request' });
      await later(10 * minute - 1);
      expect(await other.lookup('a')).toMatchObject({ tier: 'request' });
      await later(1);
      expect(await other.lookup('a')).toMatchObject({ hit: false });
    });
    expect(await other.lookup('a')).toMatchObject({ hit: false });
    expect(other.peek('a')).toBeUndefined();
  });

  it('V4 life counts from the start of a load, however long it took', async () => {
    const cache = await cacheWith();
    const loading = cache.getOrSet('a', () => clock.sleep(9 * minute).then(() => 1), {
      ttl: 10 * minute,
      maxLoad: day,
    });
    await settle();
    for (let turn = 0; turn < 9; turn++) await later(minute);
    expect(await loading).toBe(1);
    await later(minute - 1);
    expect(await cache.lookup('a')).toMatchObject({ hit: true });
    await later(1);
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
  });

  it('V5 ttl 0 keeps the value for the request and takes the shared one away, by set and by getOrSet', async () => {
    const [one, other] = [await cacheWith(), await cacheWith()];
    for (const key of ['set', 'loaded']) {
      await one.set(key, 'old', { ttl: 10 });
      await one.set(key, 'old', { ttl: minute });
      await scope.run(async () => {
        if (key === 'set') expect(await one.set(key, 'mine', { ttl: 0 })).toBe(true);
        else {
          scope.forceMiss();
          expect(await one.getOrSet(key, () => 'mine', { ttl: 0 })).toBe('mine');
        }
        expect(await one.lookup(key)).toMatchObject({ tier: 'request', value: 'mine' });
      });
      expect(await one.lookup(key)).toMatchObject({ hit: false });
      expect(await other.lookup(key)).toMatchObject({ hit: false });
    }
    let loads = 0;
    for (let turn = 0; turn < 3; turn++) await one.getOrSet('never', () => ++loads, { ttl: 0 });
    expect(loads).toBe(3);
  });

  it.each([-1, NaN, Infinity, '-5m' as '5m', 'soon' as '5m', new Date(NaN)])(
    'V5 a ttl of %p is refused by set and getOrSet, and nothing is stored',
    async (ttl) => {
      const cache = await cacheWith();
      await expect(cache.set('a', 1, { ttl })).rejects.toThrow(InvalidDurationError);
      await expect(cache.getOrSet('a', () => 1, { ttl })).rejects.toThrow(InvalidDurationError);
      expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'absent' });
      expect(await cache.getOrSet('a', () => 2)).toBe(2); // and no lease stands in the way
    },
  );

  it('a ttl that is no text of a duration is refused before anything is loaded, beside negative answers as well', async () => {
    const cache = await cacheWith();
    let loads = 0;
    const asked = cache.getOrSet('a', () => ++loads, { ttl: 'soon' as '5m', negative: { ttl: '1s' } });
    await expect(asked).rejects.toThrow(InvalidDurationError);
    expect(loads).toBe(0);
  });

  it.each([0.4, 400, 31 * day, 400 * day])('V5 a ttl of %p ms ends then, and not for ever', async (ttl) => {
    const cache = await cacheWith({ process: false, coherence: false });
    await cache.set('a', 1, { ttl });
    await later(Math.max(0, Math.ceil(ttl) - 1));
    expect(await cache.lookup('a')).toMatchObject({ hit: true });
    await later(1);
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
  });

  it('keeps negative answers for a time of their own, and what cacheIf turns down not at all', async () => {
    const cache = await cacheWith();
    let loads = 0;
    const negative = { ttl: 10 * minute, negative: { ttl: minute } };
    const none = () => (loads++, null);
    await cache.getOrSet('none', none, negative);
    await later(minute - 1);
    expect(await cache.getOrSet('none', none, negative)).toBeNull();
    expect(loads).toBe(1);
    await later(1);
    await cache.getOrSet('none', none, negative);
    expect(loads).toBe(2);

    const rows = [{ complete: false }, { complete: true }];
    const options = { cacheIf: (row: { complete: boolean }) => row.complete };
    const load = () => rows.shift() as { complete: boolean };
    expect(await cache.getOrSet('partial', load, options)).toEqual({ complete: false });
    expect(await cache.getOrSet('partial', load, options)).toEqual({ complete: true });
    expect(await cache.getOrSet('partial', load, options)).toEqual({ complete: true });
  });

  it('shortens lives by jitter, never lengthens them', async () => {
    const draws: number[] = [];
    const cache = await cacheWith({ random: () => draws.shift() ?? 0 });
    const ends: number[] = [];
    await cache.set('first', 1); // draws a number for its version
    draws.splice(0, Infinity, 0, 0.5, 0.999);
    for (const key of ['a', 'b', 'c']) {
      await cache.set(key, 1, { ttl: 100 * minute, jitter: 0.1 });
      const { tiers } = await cache.explain(key);
      ends.push(Math.round((tiers[0]?.freshForMs ?? 0) / minute));
    }
    expect(ends).toEqual([100, 95, 90]);
  });

  it('refreshes early by the cost of the load, while everybody goes on with the fresh value', async () => {
    // exp(-1): a draw at which XFetch gives exactly one cost of the load.
    const cache = await cacheWith({ random: () => Math.exp(-1) });
    let loads = 0;
    const load = async () => {
      loads++;
      await clock.sleep(minute);
      return loads;
    };
    const options = { ttl: 10 * minute, earlyRefresh: 1, timeout: { soft: day }, maxLoad: day };
    const first = cache.getOrSet('a', load, options);
    await settle();
    await later(minute);
    expect(await first).toBe(1);
    await later(8 * minute - 1);
    expect(await cache.getOrSet('a', load, options)).toBe(1);
    expect(loads).toBe(1);
    await later(1); // ten minutes of life, less one of load
    expect(await cache.getOrSet('a', load, options)).toBe(1); // not waited for
    await settle();
    expect(loads).toBe(2);
    await later(minute);
    await settle();
    expect(await cache.getOrSet('a', load, options)).toBe(2);
  });

  it('believes an upstream version only: another one is a miss, and takes the key over', async () => {
    const cache = await cacheWith();
    let loads = 0;
    const load = () => `load ${++loads}`;
    const at = (version: number | Date) => cache.getOrSet('a', load, { version });
    expect(await at(1)).toBe('load 1');
    expect(await at(1)).toBe('load 1');
    expect(await at(2)).toBe('load 2');
    expect(await cache.get('a')).toBe('load 2');
    expect(await at(new Date(5))).toBe('load 3');
    expect(await at(5)).toBe('load 3');
  });

  it('is kept where tiers say, and nowhere else', async () => {
    const [one, other] = [await cacheWith(), await cacheWith()];
    await one.set('near', 1, { tiers: ['process'] });
    expect(await one.lookup('near')).toMatchObject({ tier: 'process' });
    expect(await other.lookup('near')).toMatchObject({ hit: false });
    await one.getOrSet('loaded near', () => 1, { tiers: ['process'] });
    expect(await one.lookup('loaded near')).toMatchObject({ tier: 'process' });
    expect(await other.lookup('loaded near')).toMatchObject({ hit: false });
    await one.getOrSet('far', () => 1, { tiers: ['store'] });
    expect(one.peek('far')).toBeUndefined();
    expect(await other.lookup('far')).toMatchObject({ tier: 'memory' });
    expect(other.peek('far')).toBeUndefined();
    await one.set('set far', 1, { tiers: ['store'] });
    for (const cache of [one, other]) {
      expect(await cache.get('set far')).toBe(1);
      expect(await cache.getOrSet('set far', () => 2)).toBe(1);
      expect(await cache.getMany(['set far'])).toMatchObject([{ tier: 'memory' }]);
      expect(cache.peek('set far')).toBeUndefined();
    }
    await one.getOrSet('nowhere', () => 1, { tiers: [] });
    expect(await one.lookup('nowhere')).toMatchObject({ hit: false });
  });

  it('lives without a store, or without a process tier', async () => {
    const [near, far] = [await cacheWith({ store: undefined }), await cacheWith({ process: false })];
    expect(await near.set('a', 1, { ttl: minute })).toBe(true);
    expect(await near.getOrSet('a', () => 2)).toBe(1);
    expect(await near.delete('a')).toBe(true);
    expect(await near.lookup('a')).toMatchObject({ hit: false, reason: 'absent' });
    await expect(near.update('a', () => 1)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await far.set('a', 1, { ttl: minute });
    expect(far.peek('a')).toBeUndefined();
    expect(await far.lookup('a')).toMatchObject({ tier: 'memory' });
    await later(minute);
    expect(await far.lookup('a')).toMatchObject({ hit: false });
  });
});

describe('the life of what is loaded while the wall clock is moved', () => {
  const inStore = (clock: FakeClock): Store => memoryStore({ clock });

  it.each([
    ['counts from the start where the machine was suspended, in a store', inStore, 50, 10],
    ['counts from the start where the machine was suspended, without a store', () => undefined, 50, 10],
    ['is whole by the new time where it was set back', inStore, -50, 60],
  ])('V4 %s', async (_, storeOf, movedBy, leftMinutes) => {
    const clock = new FakeClock();
    const cache = await buildCache({ store: storeOf(clock), clock, coherence: { interval: minute } });
    const load = async (): Promise<string> => {
      clock.jump(movedBy * minute);
      return 'old';
    };
    expect(await cache.getOrSet('a', load, { ttl: 60 * minute })).toBe('old');
    await clock.advance(leftMinutes * minute - 2);
    expect(await cache.lookup('a')).toMatchObject({ hit: true });
    await clock.advance(2);
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
    await cache.close();
  });
});
