import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { guarded } from '../../src/origin/guarded-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { cacheModule, start } from '../support/nest-application.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

describe.each(storePlaceNames)('One %s store that several were given', (name) => {
  let place: StorePlace;
  beforeAll(async () => {
    place = await storePlaces[name]();
  });
  afterAll(() => place.remove());

  it('stays open until the last of its caches has closed it', async () => {
    const store = place.connect();
    const [one, other] = [await buildCache({ name: 'one', store }), await buildCache({ name: 'other', store })];
    await one.close();
    expect(await other.set('k', 1)).toBe(true);
    await one.close();
    expect(await other.delete('k', { confirm: true })).toBe(true);
    await other.close();
    expect(await other.set('k', 1)).toBe(false);
  });

  it('is closed once by a cache that is closed twice', async () => {
    const store = memoryStore();
    await store.open();
    const cache = await buildCache({ store });
    await cache.close();
    await cache.close();
    await expect(store.shards[0].readMany(['k'])).resolves.toEqual([undefined]);
  });

  it('is open again for a cache that comes after the last one', async () => {
    const store = place.connect();
    const one = await buildCache({ store });
    await one.close();
    const next = await buildCache({ store });
    expect(await next.set('k', 1)).toBe(true);
    await next.close();
  });

  it('is open for a cache that comes while the last one leaves', async () => {
    const store = place.connect();
    const one = await buildCache({ store });
    const next = new TieredCache({ name: 'next', namespace: 'test', packageVersion: '1.0.0', store });
    await Promise.all([one.close(), next.open()]);
    expect(await next.set('k', 1)).toBe(true);
    await next.close();
    expect(await next.set('k', 1)).toBe(false);
  });

  it("stays open for an application whose locks lie in another one's cache", async () => {
    const store = place.connect();
    const holder = await start({ imports: [cacheModule({ namespace: 'locks', lock: { store } })] });
    const other = await start({ imports: [cacheModule({ stores: store })] });
    const outcome = await holder.get(CacheLock).acquire('resource');
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    await other.close();
    expect(await outcome.lease.release()).toBe('released');
    const another = await start({ imports: [cacheModule({ stores: store })] });
    await holder.close();
    expect(await another.get(TieredCache).set('k', 1)).toBe(true);
    await another.close();
    await expect(guarded(store).shards[0].readMany(['k'])).rejects.toThrow(StoreUnavailableError);
  });
});

/** A store that writes down when it is opened and closed. @param open what opening comes to. */
function witnessed(open: () => Promise<void> = async () => {}): { store: Store; seen: string[] } {
  const seen: string[] = [];
  const { name, capabilities, shards } = memoryStore();
  const store: Store = {
    name,
    capabilities,
    shards,
    shardOf: () => shards[0],
    open: async () => {
      seen.push('open');
      await open();
      seen.push('opened');
    },
    close: async () => {
      seen.push('close');
      await Promise.resolve();
      seen.push('closed');
    },
  };
  return { store, seen };
}

describe('The guard of a store', () => {
  it('opens it for the first of its users, and closes it for the last', async () => {
    const { store, seen } = witnessed();
    const [one, other] = [guarded(store), guarded(store)];
    await Promise.all([one.open(), one.open(), other.open()]);
    await one.close();
    await one.close();
    expect(seen).toEqual(['open', 'opened']);
    await other.close();
    expect(seen).toEqual(['open', 'opened', 'close', 'closed']);
  });

  it('gives each of its users the same shards', () => {
    const { store } = witnessed();
    const [one, other] = [guarded(store), guarded(store)];
    expect(other).not.toBe(one);
    expect(other.shards).toBe(one.shards);
    expect(guarded(one).shards).toBe(one.shards);
  });

  it('opens and closes it one after the other', async () => {
    const { store, seen } = witnessed();
    const [one, other] = [guarded(store), guarded(store)];
    await Promise.all([one.open(), one.close(), other.open(), other.close(), one.open()]);
    const once = ['open', 'opened', 'close', 'closed'];
    expect(seen.slice(-2)).toEqual(['open', 'opened']);
    expect(seen).toEqual([...once, ...once, ...once].slice(0, seen.length));
  });

  it('counts none whose opening failed, and tries again for the next', async () => {
    let missing = true;
    const { store, seen } = witnessed(async () => {
      if (missing) throw new Error('a package is missing');
    });
    const [one, other] = [guarded(store), guarded(store)];
    const outcomes = await Promise.allSettled([one.open(), other.open()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    missing = false;
    await other.open();
    await other.close();
    expect(seen).toEqual(['open', 'open', 'open', 'opened', 'close', 'closed']);
  });

  it('closes it for a user that never opened it, unless others did', async () => {
    const { store, seen } = witnessed();
    const [one, other] = [guarded(store), guarded(store)];
    await one.open();
    await other.close();
    expect(seen).toEqual(['open', 'opened']);
    await one.close();
    await other.close();
    expect(seen.slice(2)).toEqual(['close', 'closed']);
  });
});
