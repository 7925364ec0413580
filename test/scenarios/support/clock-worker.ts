import { CacheLock } from '../../../src/lock/cache-lock.js';
import type { EntryOptions } from '../../../src/catalogue/entry-options.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import { buildCache } from '../../support/build-cache.js';
import { logRead } from '../../support/log-read.js';
import { serveWorker } from '../../support/serve-worker.js';
import { patience } from '../../support/patience.js';

interface ClockWorkerData {
  /** Of a memcached, or the URL of a Redis. */
  readonly address: string;
  readonly name: string;
  readonly release: string;
}

/** A process of one release, whose wall clock is its own. */
serveWorker(async ({ address, name, release }: ClockWorkerData) => {
  const connect = () =>
    address.startsWith('redis:')
      ? redisStore({ url: address, ...patience })
      : memcachedStore({ servers: address, ...patience });
  const coherence = { interval: 200, blindFor: 2_000 };
  const cache = await buildCache({ name, packageVersion: release, store: connect(), coherence });
  const store = connect();
  await store.open();
  const locks = new CacheLock({ store, namespace: 'clocks' });
  let finish = (): void => {};
  return {
    now: () => Date.now(),
    getOrSet: (key: string, value: string, options: EntryOptions) => cache.getOrSet(key, () => value, options),
    /** A load that ends when `finish` is called. */
    slowly: (key: string, value: string, options: EntryOptions) =>
      cache.getOrSet(key, () => new Promise<string>((resolve) => (finish = () => resolve(value))), options),
    finish: () => finish(),
    get: (key: string) => cache.get(key),
    peek: (key: string) => cache.peek(key),
    set: (key: string, value: string) => cache.set(key, value, { ttl: '1h' }),
    delete: (key: string) => cache.delete(key),
    invalidateTags: (tag: string) => cache.invalidateTags(tag),
    heard: () => logRead(name),
    async acquire(resource: string, ttl: number) {
      return (await locks.acquire(resource, { ttl, renew: false })).status;
    },
    async stop() {
      await cache.close();
      await store.close();
    },
  };
});
