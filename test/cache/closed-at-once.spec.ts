import { afterEach, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';
import { startRedis } from '../support/redis-process.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** What the start asks for is under way at most of the closes. */
const caches = 10;

it.each<[string, () => Promise<{ address: string; stop(): Promise<unknown> }>, (address: string) => Store]>([
  ['Redis', startRedis, (address) => redisStore({ url: `redis://${address}`, ...patience })],
  ['memcached', startMemcached, (servers) => memcachedStore({ servers, ...patience })],
])('A cache over %s that is closed right after its start tells of no fault', async (_, start, storeAt) => {
  const server = await start();
  endings.push(() => server.stop());
  const faults = recordEvents('fault');
  endings.push(() => faults.stop());
  for (let index = 0; index < caches; index++) {
    const cache = await buildCache({ store: storeAt(server.address) });
    await cache.close();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(faults.all).toEqual([]);
});
