import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { memoryStore } from '../store/memory-store.js';
import type { Store } from '../store/store.js';
import { InvalidOptionError } from '../value/errors.js';
import type { Environment } from './environment.js';

/**
 * The store of an application that names none: memcached, a disk folder, or the embedded default. Clients are loaded only for the store that is
 * used, so that applications install only the ones they need.
 */
export async function defaultStore({ memcachedServers, diskPath }: Environment): Promise<Store> {
  if (memcachedServers !== undefined) {
    const { memcachedStore } = await importMemcached();
    return naming('MEMCACHED_SERVERS', () => memcachedStore({ servers: memcachedServers }));
  }
  if (diskPath !== undefined) {
    const { diskStore } = await importDisk();
    return naming('CACHE_DISK_PATH', () => diskStore({ directory: diskPath }));
  }
  return embedded(join(process.cwd(), 'node_modules', '.cache', 'nestjs-tiered-cache'));
}

async function embedded(directory: string): Promise<Store> {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    const { diskStore } = await importDisk();
    await import('lmdb');
    return diskStore({ directory });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    new Logger('TieredCache').warn(
      `No disk store in ${directory} (${reason}): entries are kept in this process's memory. Set CACHE_DISK_PATH or MEMCACHED_SERVERS, or install lmdb.`,
    );
    return memoryStore();
  }
}

const importMemcached = () => import('../store/memcached/memcached-store.js');
const importDisk = () => import('../store/disk/disk-store.js');

/** A bad value came from the environment, so the error names the variable instead of the option. */
function naming(variable: string, build: () => Store): Store {
  try {
    return build();
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    throw new InvalidOptionError(
      variable,
      error.message.replace(/^[^:]*: /, '').replace(/\.$/, ''),
      'Correct or unset it.',
      { cause: error },
    );
  }
}
