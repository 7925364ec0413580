import { diskStore } from '../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { diskDirectory } from './disk-directory.js';
import { startMemcached } from './memcached-process.js';
import { patience } from './patience.js';
import { startRedis } from './redis-process.js';

/** Somewhere that caches of a test share: each `connect` is what a process of its own would use. */
export interface StorePlace {
  connect(): Store;
  /** Ends what stands behind it. */
  remove(): Promise<void>;
}

export const storePlaces: Readonly<Record<'memory' | 'disk' | 'memcached' | 'redis', () => Promise<StorePlace>>> = {
  async memory() {
    const store = memoryStore();
    return { connect: () => store, remove: async () => {} };
  },
  async disk() {
    const { path, remove } = diskDirectory();
    return { connect: () => diskStore({ directory: path }), remove: async () => remove() };
  },
  async memcached() {
    const server = await startMemcached();
    return { connect: () => memcachedStore({ servers: server.address, ...patience }), remove: () => server.stop() };
  },
  async redis() {
    const server = await startRedis();
    return { connect: () => redisStore({ url: server.url, ...patience }), remove: () => server.stop() };
  },
};

export const storePlaceNames = ['memory', 'disk', 'memcached', 'redis'] as const;
