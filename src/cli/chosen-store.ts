import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Environment, MemcachedAccess } from '../cache/configuration/environment.js';
import { guarded } from '../origin/guarded-store.js';
import { diskFormat } from '../store/disk/disk-folder.js';
import { loadMemcachedStore } from '../store/memcached/load-memcached-store.js';
import type { Store } from '../store/store.js';
import type { Arguments } from './arguments.js';
import { textOf } from './arguments.js';
import { UsageError } from './usage-error.js';

/**
 * The store that the application uses, as the arguments or the environment name it. One in a folder must be there: no command of this program makes a
 * database.
 *
 * @throws UsageError, InvalidOptionError
 */
export async function chosenStore(args: Arguments, environment: Environment): Promise<Store> {
  const store = await namedStore(args, environment);
  guarded(store, { deadlineMs: patience.commandTimeout });
  return store;
}

/** A person waits longer than a request would, and wants the answer of a busy host as well. */
const patience = { connectTimeout: 5_000, commandTimeout: 5_000 };

async function namedStore(args: Arguments, environment: Environment): Promise<Store> {
  const disk = textOf(args, 'disk');
  const servers = textOf(args, 'servers');
  const redis = textOf(args, 'redis');
  const given = [disk, servers, redis].filter((one) => one !== undefined);
  if (given.length > 1) throw new UsageError('give one of --servers, --redis and --disk');
  const redisUrl = redis ?? (given.length === 0 ? environment.redisUrl : undefined);
  if (redisUrl !== undefined) {
    const { redisStoreWith } = await import('../store/redis/redis-store.js');
    return redisStoreWith(
      { url: redisUrl, ...patience },
      { urlOption: redis === undefined ? 'CACHE_REDIS_URL' : '--redis' },
    );
  }
  const memcached = servers ?? (disk === undefined ? environment.memcachedServers : undefined);
  if (memcached !== undefined) return onMemcached(memcached, environment.memcachedAccess);
  const named = disk ?? environment.diskPath;
  const directory = resolve(named ?? join('node_modules', '.cache', 'nestjs-tiered-cache'));
  if (!existsSync(join(directory, diskFormat, 'data.mdb'))) {
    const remedy =
      named === undefined
        ? "run it in the application's folder, or give --servers, --redis or --disk"
        : 'look at the path';
    throw new UsageError(`there is no cache in ${directory}, and none was made: ${remedy}`);
  }
  const { diskStore } = await import('../store/disk/disk-store.js');
  return diskStore({ directory });
}

async function onMemcached(servers: string, access: MemcachedAccess): Promise<Store> {
  const { memcachedStore } = await loadMemcachedStore();
  return memcachedStore({ servers, ...access, ...patience });
}
