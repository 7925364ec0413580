import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import type { EntryPolicy } from '../../src/catalogue/entry-policy.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { InvalidatedNames } from '../../src/coherence/invalidated-names.js';
import { toKey } from '../../src/key/key.js';
import { FailedLoads } from '../../src/load/failed-loads.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { onCacheEvent } from '../../src/value/events.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

const inStore: EntryOptions<string> = { ttl: '1s', staleFor: '1m', tiers: ['store'] };
let clock: FakeClock;
let faulty: FaultyStore;
let cache: TieredCache;
let loads = 0;

beforeEach(async () => {
  loads = 0;
  clock = new FakeClock();
  // A store that has to be waited for: what it holds is not known when the failure is.
  faulty = new FaultyStore(memoryStore({ clock }));
  cache = await buildCache({ store: faulty.store, clock });
});
afterEach(() => cache.close());

const failing = (): Promise<never> => {
  loads++;
  return Promise.reject(new Error('the source is down'));
};

describe('After a load has failed', () => {
  it.each(['one', 'many'])(
    'what is stale in the store alone is served all the same, to look-ups of %s',
    async (kind) => {
      const read = async (): Promise<string | undefined> =>
        kind === 'one' ? cache.getOrSet('k', failing, inStore) : (await cache.getOrSetMany(['k'], failing, inStore))[0];
      await cache.set('k', 'stale', inStore);
      await clock.advance('2s');
      const failed = new Promise<void>((resolve) => {
        const stop = onCacheEvent('fault', ({ kind: what }) => what === 'background-load' && (stop(), resolve()));
      });
      expect(await read()).toBe('stale');
      await failed;
      for (let again = 0; again < 3; again++) expect(await read()).toBe('stale');
    },
  );

  it('by force, what stands is served to others', async () => {
    await cache.set('k', 'there', inStore);
    await expect(cache.refresh('k', failing)).rejects.toThrow('down');
    expect(await cache.getOrSet('k', failing)).toBe('there');
  });

  it('look-ups of many keys are answered with its error at once, as those of one are', async () => {
    const near = await cache.getOrSet('near', () => 'near');
    await expect(cache.getOrSetMany(['near', 'k', 'l'], failing)).rejects.toThrow('down');
    expect(loads).toBe(1);
    await expect(cache.getOrSetMany(['near', 'l'], failing)).rejects.toThrow('down');
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('down');
    expect(loads).toBe(1);
    expect(await cache.getOrSetMany(['near', 'm'], () => [['m', 'loaded']])).toEqual([near, 'loaded']);
    await cache.delete('l');
    expect(await cache.getOrSetMany(['l'], () => [['l', 'loaded']])).toEqual(['loaded']);
  });
});

describe.each(['one', 'many'])(
  'For failureHold, 1 s unless it is given, look-ups of %s are answered with the error',
  (kind) => {
    const ask = async (one: TieredCache, options?: EntryOptions<string>): Promise<unknown> =>
      kind === 'one' ? one.getOrSet('k', failing, options) : one.getOrSetMany(['k', 'l'], failing, options);
    const asksAgain = async (one: TieredCache, options?: EntryOptions<string>): Promise<number> => {
      const before = loads;
      await expect(ask(one, options)).rejects.toThrow('down');
      return loads - before;
    };
    afterEach(() => clock.advance('4s'));

    it('without a store', async () => {
      const alone = await buildCache({ name: 'alone', store: undefined, clock });
      expect(await asksAgain(alone)).toBe(1);
      await clock.advance(999);
      expect(await asksAgain(alone)).toBe(0);
      await clock.advance(1);
      expect(await asksAgain(alone)).toBe(1);
      await alone.close();
    });

    it('of values that stay out of the store', async () => {
      expect(await asksAgain(cache, { tiers: ['process'] })).toBe(1);
      expect(await asksAgain(cache, { tiers: ['process'] })).toBe(0);
    });

    it('while the store is away; what it holds is served as soon as it is back', async () => {
      await cache.setMany([
        ['k', 'there', { tiers: ['store'] }],
        ['l', 'there', { tiers: ['store'] }],
      ]);
      faulty.down = '';
      expect(await asksAgain(cache)).toBe(1);
      expect(await asksAgain(cache)).toBe(0);
      faulty.down = undefined;
      await clock.advance(500);
      expect(await ask(cache)).toEqual(kind === 'one' ? 'there' : ['there', 'there']);
    });

    it('and not at all for 0', async () => {
      faulty.down = '';
      expect(await asksAgain(cache, { failureHold: 0 })).toBe(1);
      expect(await asksAgain(cache, { failureHold: 0 })).toBe(1);
    });
  },
);

describe('What is remembered of failed loads', () => {
  it('is forgotten once failureHold is over, also where nobody asks again', async () => {
    const failed = new FailedLoads(clock, new InvalidatedNames());
    const note = (key: string, failureHoldMs: number): void => {
      const policy = { failureHoldMs, requestOnly: false, serving: { version: undefined } } as EntryPolicy;
      failed.note(toKey(key), policy, new Error('down'), 0, false);
    };
    note('a', 500);
    note('b', 10);
    note('c', 1_000);
    await clock.advance(499);
    expect(failed.size).toBe(3);
    await clock.advance(1);
    expect(failed.size).toBe(1);
    note('d', 1_000);
    await clock.advance(500);
    expect(failed.size).toBe(1);
    await clock.advance(500);
    expect(failed.size).toBe(0);
  });
});

describe('What is given for a loader and is no function', () => {
  it.each([[undefined], [5], [{ ttl: '1m' }]])('is an error of its own call, and of no other: %p', async (given) => {
    const wrong = given as never;
    for (const call of [
      () => cache.getOrSet('k', wrong),
      () => cache.getOrSetMany(['k'], wrong),
      () => cache.refresh('k', wrong),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: 'loader: it is no function. Give one that makes the value, behind the key.',
      });
    }
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });
});
