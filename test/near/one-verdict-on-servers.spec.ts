import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';
import { storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

describe.each(['memcached', 'redis'] as const)('on %s', (server) => {
  let place: StorePlace;
  const caches: TieredCache[] = [];
  let stories = 0;
  beforeAll(async () => void (place = await storePlaces[server]()));
  afterAll(() => place.remove());
  afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

  /** @param other in the namespace of the one before. */
  async function open(other = false, process = true): Promise<TieredCache> {
    const namespace = `story${other ? stories : ++stories}`;
    const cache = await buildCache({ namespace, store: place.connect(), ...(process ? {} : { process: false }) });
    caches.push(cache);
    return cache;
  }

  const stale = { ttl: 20, staleFor: '1m' } as const;
  const isStale = async (cache: TieredCache): Promise<void> => {
    await eventually(async () => expect(await cache.lookup('k')).toMatchObject({ hit: true, freshness: 'stale' }));
    // The clock of a hit is good to 25 ms: until then it takes this copy for a fresh one.
    await new Promise((resolve) => setTimeout(resolve, 30));
  };

  it.each<[string, () => undefined | Promise<never>]>([
    ['undefined', () => undefined],
    ['a 404', () => Promise.reject(new NotFoundException())],
  ])('T13 a refresh that answers %s ends what is served, here and elsewhere', async (_, gone) => {
    const cache = await open();
    const elsewhere = await open(true, false);
    await cache.getOrSet('k', () => 'alive', stale);
    await isStale(cache);
    await isStale(elsewhere);
    expect(await cache.getOrSet<string>('k', gone, stale)).toBe('alive');
    await eventually(() => expect(cache.peek('k')).toBeUndefined());
    await eventually(async () => expect(await elsewhere.get('k')).toBeUndefined());
    expect(await cache.get('k')).toBeUndefined();
  });

  it('T13 it ends it where the store has lost the item meanwhile', async () => {
    const cache = await open();
    await cache.getOrSet('k', () => 'alive', stale);
    await isStale(cache);
    const store = place.connect();
    await store.open();
    await store.shards[0].remove(cache.storeKey('k'));
    await store.close();
    await cache.getOrSet<string>('k', () => undefined, stale);
    await eventually(() => expect(cache.peek('k')).toBeUndefined());
    expect(await cache.get('k')).toBeUndefined();
  });

  it('T14 a forced refresh that outlasts the old item is stored', async () => {
    const cache = await open();
    const elsewhere = await open(true, false);
    await cache.set('k', 'old', { ttl: 300 });
    const load = async (): Promise<string> => {
      await eventually(async () => expect(await elsewhere.get('k')).toBeUndefined());
      return 'new';
    };
    expect(await cache.refresh('k', load, { ttl: '1m' })).toBe('new');
    expect(await elsewhere.get('k')).toBe('new');
  });

  it('T14 a load that outlasts its life is not stored, and says so', async () => {
    const cache = await open();
    const events = recordEvents('loadRefused');
    const late = () => new Promise<string>((resolve) => setTimeout(() => resolve('late'), 60));
    expect(await cache.getOrSet('k', late, { ttl: 50 })).toBe('late');
    await eventually(() => expect(events.of('loadRefused').map(({ reason }) => reason)).toEqual(['expired']));
    events.stop();
    expect(await cache.get('k')).toBeUndefined();
  });
});

/** `npm run test:endurance` plays it on each. */
const some = process.env['ENDURANCE'] === '1' ? (['memcached', 'redis'] as const) : (['redis'] as const);

it.each(some)('T14 on %s, of 10,001 fills at once each is stored, or an event says why not', async (server) => {
  const place = await storePlaces[server]();
  const cache = await buildCache({ store: place.connect() });
  const elsewhere = await buildCache({ store: place.connect(), process: false });
  const events = recordEvents('loadRefused');
  const keys = Array.from({ length: 10_001 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => cache.getOrSet(key, () => key, { ttl: '10m' })));
  const refused = new Set<string>();
  await eventually(async () => {
    for (const { key } of events.of('loadRefused')) refused.add(key);
    const found = await elsewhere.getMany(keys);
    expect(keys.filter((key, index) => found[index]?.hit !== true && !refused.has(key))).toEqual([]);
  });
  events.stop();
  console.log(`${server}: ${refused.size} of ${keys.length} fills at once were refused`);
  await Promise.all([cache.close(), elsewhere.close()]);
  await place.remove();
});
