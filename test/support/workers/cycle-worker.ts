import { setTimeout as pause } from 'node:timers/promises';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { diskStore } from '../../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import type { Store } from '../../../src/store/store.js';
import { serveWorker } from '../serve-worker.js';
import type { CycleWorkerData } from './cycle-worker-data.js';
import { patience } from '../patience.js';

serveWorker<CycleWorkerData>(({ directory, servers, url }) => {
  const makers: Record<string, () => Store> = {
    memory: () => memoryStore(),
    disk: () => diskStore({ directory }),
    memcached: () => memcachedStore({ servers, ...patience }),
    redis: () => redisStore({ url, ...patience }),
  };
  const unhandled: string[] = [];
  process.on('unhandledRejection', (reason) => unhandled.push(String(reason)));
  return {
    /** Creates, uses and closes a cache so many times. @returns what keeps the process alive before and after. */
    async cycles(store: string, times: number) {
      const before = process.getActiveResourcesInfo().sort();
      for (let turn = 0; turn < times; turn++) {
        const cache = new TieredCache({
          name: 'cycle',
          namespace: 'cycle',
          packageVersion: '1',
          store: makers[store]?.(),
          versionStamp: () => 'stamp',
        });
        await cache.open();
        await cache.getOrSet('a', () => turn, { tags: ['t'] });
        await cache.delete('a');
        // One load and one poll are under way when it closes.
        const late = cache.getOrSet('b', () => pause(5, turn));
        late.catch(() => {});
        await cache.close();
        await late.catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { before, after: process.getActiveResourcesInfo().sort(), unhandled };
    },
  };
});
