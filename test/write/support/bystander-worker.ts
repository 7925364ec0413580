import { diskStore } from '../../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import { buildCache } from '../../support/build-cache.js';
import { serveWorker } from '../../support/serve-worker.js';
import { patience } from '../../support/patience.js';

/** A process that looks up one key after the other, and says how long that takes. */
serveWorker(async (place: { readonly directory: string } | { readonly servers: string } | { readonly url: string }) => {
  const store =
    'directory' in place
      ? diskStore(place)
      : 'url' in place
        ? redisStore({ ...place, ...patience })
        : memcachedStore({ ...place, ...patience });
  const cache = await buildCache({ name: 'bystander', store });
  let took: number[] = [];
  let isLooking = true;
  const look = async (): Promise<void> => {
    for (let number = 0; isLooking; number++) {
      const startedAt = performance.now();
      await cache.lookup(`bystander:${number}`);
      took.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const looking = look();
  return {
    /** The slowest but for one in a hundred of those since the last call. */
    p99(): number {
      const sorted = took.toSorted((a, b) => a - b);
      took = [];
      return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    },
    async stop() {
      isLooking = false;
      await looking;
      await cache.close();
    },
  };
});
