import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import { onCacheEvent } from '../../../src/value/events.js';
import { logRead } from '../../support/log-read.js';
import { serveWorker } from '../../support/serve-worker.js';
import { patience } from '../../support/patience.js';

interface StormData {
  /** Of a memcached, or the URL of a Redis. */
  readonly address: string;
  readonly name: string;
  /** How far it may be behind in the feed. */
  readonly maxBehindBytes: number;
  readonly interval: number;
}

/** A process of a fleet in which many invalidate at once. Whether it writes or reads, its test says. */
serveWorker(async ({ address, name, maxBehindBytes, interval }: StormData) => {
  const cache = new TieredCache({
    name,
    namespace: 'storm',
    packageVersion: '1',
    store: address.startsWith('redis:')
      ? redisStore({ url: address, ...patience })
      : memcachedStore({ servers: address, ...patience }),
    process: { maxEntries: 50_000 },
    coherence: { maxBehindBytes, interval },
  });
  await cache.open();
  const refused = new Set<string>();
  const cleared: string[] = [];
  onCacheEvent('nearCleared', ({ reason }) => cleared.push(reason));
  let readings = 0;
  onCacheEvent('logRead', () => void readings++);
  let isReading = false;
  onCacheEvent('fault', ({ kind, message }) => refused.add(`${kind}: ${message}`));
  onCacheEvent('breaker', ({ state }) => refused.add(`breaker ${state}`));
  const hot = (count: number): string[] => Array.from({ length: count }, (_, index) => `hot:${index}`);
  return {
    /** Deletes keys of its own, so many at a time, and says how many were acknowledged and how long that took. */
    async invalidate(total: number, atOnce: number) {
      let next = 0;
      let acknowledged = 0;
      const startedAt = performance.now();
      const caller = async (): Promise<void> => {
        while (next < total) if (await cache.delete(`${name}:${next++ % 5_000}`)) acknowledged++;
      };
      await Promise.all(Array.from({ length: atOnce }, caller));
      return { acknowledged, tookMs: performance.now() - startedAt };
    },
    async fill(count: number): Promise<void> {
      await cache.setMany(hot(count).map((key, index) => [key, index, { ttl: '10m' }]));
    },
    async keep(count: number): Promise<void> {
      await logRead(name);
      await cache.getMany(hot(count));
    },
    /** Which of the hot keys are near. */
    near(count: number): number {
      return hot(count).filter((key) => cache.peek(key) !== undefined).length;
    },
    /** Reads hot keys until told to stop, and says which share of them was near. */
    async read(count: number): Promise<number> {
      isReading = true;
      const keys = hot(count);
      let asked = 0;
      let near = 0;
      while (isReading) {
        for (let turn = 0; turn < 100; turn++) {
          if (cache.peek(keys[asked++ % count] as string) !== undefined) near++;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      return near / asked;
    },
    stopReading(): void {
      isReading = false;
    },
    /** How often it has read the feed. */
    readings: () => readings,
    async heard(key: string): Promise<boolean> {
      await logRead(name);
      return cache.peek(key) === undefined;
    },
    remove: (key: string) => cache.delete(key),
    refused: () => [...refused],
    /** Why all near copies were dropped, each time since the last call. */
    cleared: () => cleared.splice(0),
    stop: () => cache.close(),
  };
});
