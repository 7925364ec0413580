import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { assertOneStore, memcachedVariables, redisVariables } from '../cache/configuration/environment.js';
import type { MemcachedAccess, RedisLayout, StoreEnvironment } from '../cache/configuration/environment.js';
import { naming } from '../cache/configuration/naming.js';
import { guarded } from '../origin/guarded-store.js';
import { diskFormat } from '../store/disk/disk-folder.js';
import { loadMemcachedStore } from '../store/memcached/load-memcached-store.js';
import type { Store } from '../store/store.js';
import type { Arguments } from './arguments.js';
import { textOf } from './arguments.js';
import { UsageError } from './usage-error.js';

/**
 * The store that the application uses, as the arguments or the environment name it. One in a folder must be there: no command of this program makes a
 * database, bounds one, or starts one anew.
 *
 * @throws UsageError, InvalidOptionError
 */
export async function chosenStore(args: Arguments, environment: StoreEnvironment): Promise<Store> {
  const store = await namedStore(args, environment);
  guarded(store, { deadlineMs: patience.commandTimeout });
  return store;
}

/** A person waits longer than a request would, and wants the answer of a busy host as well. */
const patience = { connectTimeout: 5_000, commandTimeout: 5_000 };

async function namedStore(args: Arguments, environment: StoreEnvironment): Promise<Store> {
  const disk = textOf(args, 'disk');
  const servers = textOf(args, 'servers');
  const redis = textOf(args, 'redis');
  const given = [disk, servers, redis].filter((one) => one !== undefined);
  if (given.length > 1) throw new UsageError('give one of --servers, --redis and --disk');
  if (given.length === 0) assertOneStore(environment);
  const redisUrl = redis ?? (given.length === 0 ? environment.redisUrl : undefined);
  if (redisUrl !== undefined) return onRedis(redisUrl, args, environment.redisLayout);
  const stray = ['key-prefix', 'partitions'].find((name) => textOf(args, name) !== undefined);
  if (stray !== undefined) throw new UsageError(`--${stray} is for Redis, and the store is another one`);
  const memcached = servers ?? (disk === undefined ? environment.memcachedServers : undefined);
  if (memcached !== undefined) return onMemcached(memcached, args, environment.memcachedAccess);
  const named = disk ?? environment.diskPath;
  const directory = resolve(named ?? join('node_modules', '.cache', 'nestjs-tiered-cache'));
  if (!existsSync(join(directory, diskFormat, 'data.mdb'))) {
    const remedy =
      named === undefined
        ? "run it in the application's folder, or give --servers, --redis or --disk"
        : 'look at the path';
    throw new UsageError(`there is no cache in ${directory}, and none was made: ${remedy}`);
  }
  const { DiskStore } = await import('../store/disk/disk-store.js');
  return new DiskStore({ directory }, { visits: true });
}

/** What is given as an option goes before what the environment says. */
async function onRedis(url: string, args: Arguments, layout: RedisLayout): Promise<Store> {
  const keyPrefix = textOf(args, 'key-prefix');
  const partitions = textOf(args, 'partitions');
  const { redisStoreWith } = await import('../store/redis/redis-store.js');
  return redisStoreWith(
    {
      url,
      ...layout,
      ...(keyPrefix !== undefined && { keyPrefix }),
      ...(partitions !== undefined && { partitions: Number(partitions) }),
      ...patience,
    },
    {
      names: {
        ...redisVariables,
        ...(textOf(args, 'redis') !== undefined && { url: '--redis' }),
        ...(keyPrefix !== undefined && { keyPrefix: '--key-prefix' }),
        ...(partitions !== undefined && { partitions: '--partitions' }),
      },
    },
  );
}

async function onMemcached(servers: string, args: Arguments, access: MemcachedAccess): Promise<Store> {
  const { memcachedStore } = await loadMemcachedStore();
  const names = { ...memcachedVariables, ...(textOf(args, 'servers') !== undefined && { servers: '--servers' }) };
  return naming(names, () => memcachedStore({ servers, ...access, ...patience }));
}
