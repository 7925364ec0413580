import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';

const life = { ttl: '1h' } as const;
const stale = { ttl: '10s', staleFor: '1h' } as const;

/** A refresh that loads, of another process. */
interface Later {
  end(value: string): Promise<void>;
  fail(): Promise<void>;
}

/**
 * 1. A load wins the right to replace what stands; 2. the same bytes are written anew, by a later refresh or by a server that moves its items; 3. the load
 * ends. The store refuses its fill, though nobody has replaced what it was to replace.
 */
describe('A load that is to replace an item, whose bytes are written anew meanwhile', () => {
  let clock: FakeClock;
  let store: Store;
  let here: TieredCache;
  let there: TieredCache;
  beforeEach(async () => {
    clock = new FakeClock();
    store = memoryStore({ clock });
    here = await buildCache({ name: 'here', store, clock });
    there = await buildCache({ name: 'there', store, clock });
    await here.set('k', 'old', stale);
    await there.get('k');
    await clock.advance('2s');
  });
  afterEach(() => Promise.all([here.close(), there.close()]));

  const rewrite = async (): Promise<void> => {
    const { shards } = store;
    const [item] = await shards[0].readMany([here.storeKey('k')]);
    if (!item) throw new Error('It has gone.');
    await shards[0].write(here.storeKey('k'), item.bytes, { lifeMs: 3_600_000, only: item.revision });
  };
  /** Resolves when it loads. */
  const refreshThere = (): Promise<Later> =>
    new Promise((begun) => {
      const load = (): Promise<string> =>
        new Promise((resolve, reject) => {
          begun({
            end: async (value) => (resolve(value), expect(await refreshed).toBe(value)),
            fail: async () => {
              reject(new Error('the source is down'));
              await expect(refreshed).rejects.toThrow('the source is down');
            },
          });
        });
      const refreshed = there.refresh('k', load, life);
    });
  const found = (): Promise<unknown[]> => Promise.all([here.get('k'), there.get('k')]);

  it.each<[string, string | undefined]>([
    ['there is none', undefined],
    ['a value', 'new'],
  ])('leaves nothing of it, where it was forced and brings this: %s', async (_, brought) => {
    expect(await here.refresh('k', () => rewrite().then(() => brought), life)).toBe(brought);
    await clock.advance('2s');
    expect(await found()).toEqual([undefined, undefined]);
  });

  it('leaves nothing of it, where it was stale and there is none', async () => {
    await clock.advance('10s');
    const load = (): Promise<string | undefined> => rewrite().then(() => undefined);
    expect(await here.getOrSet('k', load, stale)).toBe('old');
    await clock.advance('2s');
    expect(await found()).toEqual([undefined, undefined]);
  });

  it.each<[string, string | undefined]>([
    ['there is none', undefined],
    ['a value', 'new'],
  ])('leaves nothing of it to a later refresh that fails, where it brings this: %s', async (_, brought) => {
    let later: Later | undefined;
    const load = async (): Promise<string | undefined> => {
      later = await refreshThere();
      return brought;
    };
    expect(await here.refresh('k', load, life)).toBe(brought);
    expect(await here.get('k')).toBeUndefined();
    await later?.fail();
    await clock.advance('2s');
    expect(await found()).toEqual([undefined, undefined]);
  });

  it('leaves what a later refresh has stored', async () => {
    const load = async (): Promise<string> => {
      await (await refreshThere()).end('newest');
      return 'new';
    };
    expect(await here.refresh('k', load, life)).toBe('new');
    await clock.advance('2s');
    expect(await found()).toEqual(['newest', 'newest']);
  });

  it('leaves what was set since', async () => {
    const load = async (): Promise<string> => {
      await there.set('k', 'newest', life);
      return 'new';
    };
    expect(await here.refresh('k', load, life)).toBe('new');
    await clock.advance('2s');
    expect(await found()).toEqual(['newest', 'newest']);
  });
});
