import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadMemcachedStore } from '../../store/memcached/load-memcached-store.js';
import { memoryStore } from '../../store/memory-store.js';
import type { Store } from '../../store/store.js';
import { installCommand } from '../../value/install-command.js';
import { assertOneStore, memcachedVariables, redisVariables } from './environment.js';
import type { StoreEnvironment } from './environment.js';
import { naming } from './naming.js';

/** The store, and what somebody should be told about it. */
export interface DefaultStore {
  readonly store: Store;
  readonly warning?: string;
}

/**
 * The store of an application that names none: memcached, Redis, a disk folder, memory in tests, or the embedded default. Clients are loaded only for the store that is
 * used, so that applications install only the ones they need.
 *
 * @throws InvalidOptionError naming the variable that can't be used.
 */
export async function defaultStore(environment: StoreEnvironment): Promise<DefaultStore> {
  assertOneStore(environment);
  const { memcachedServers, memcachedAccess, redisUrl, redisLayout, diskPath, isTest } = environment;
  if (memcachedServers !== undefined) {
    const { memcachedStore } = await loadMemcachedStore();
    const options = { servers: memcachedServers, ...memcachedAccess };
    return { store: naming(memcachedVariables, () => memcachedStore(options)) };
  }
  if (redisUrl !== undefined) {
    const { redisStoreWith } = await import('../../store/redis/redis-store.js');
    return { store: redisStoreWith({ url: redisUrl, ...redisLayout }, { names: redisVariables }) };
  }
  if (diskPath !== undefined) {
    const { diskStore } = await importDisk();
    return { store: naming({ directory: 'CACHE_DISK_PATH' }, () => diskStore({ directory: diskPath })) };
  }
  if (isTest) return { store: memoryStore() };
  return embedded(join(process.cwd(), 'node_modules', '.cache', 'nestjs-tiered-cache'));
}

async function embedded(directory: string): Promise<DefaultStore> {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    await import('lmdb');
    const { diskStore } = await importDisk();
    return { store: diskStore({ directory }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = `Set CACHE_DISK_PATH, MEMCACHED_SERVERS or CACHE_REDIS_URL, or run \`${installCommand('lmdb')}\`.`;
    return {
      store: memoryStore(),
      warning: `No disk store in ${directory} (${reason}): entries are kept in this process's memory. ${remedy}`,
    };
  }
}

const importDisk = () => import('../../store/disk/disk-store.js');
