import { InvalidOptionError } from '../../../value/errors.js';
import { builtInDriver } from './built-in-driver.js';
import { ioRedisDriver } from './ioredis-driver.js';
import type { IoRedisClient } from './ioredis-driver.js';
import { nodeRedisDriver } from './node-redis-driver.js';
import type { NodeRedisClient } from './node-redis-driver.js';
import type { DriverName, RedisDriver } from './redis-driver.js';

/** The modules that a driver may come in, the first that is installed counts. `redis` brings `@redis/client` along. */
const packages = {
  redis: ['@redis/client', 'redis'],
  ioredis: ['ioredis'],
} as const;

/** @param importModule stands for `import()`. */
export type ImportModule = (name: string) => Promise<unknown>;

const importInstalled: ImportModule = (name) => import(name);

/**
 * The driver that was asked for, or the one that is installed: `redis` before `ioredis`.
 * @throws InvalidOptionError that says what to install.
 */
export async function loadDriver(
  wanted: DriverName | undefined,
  importModule: ImportModule = importInstalled,
): Promise<RedisDriver> {
  if (wanted === 'built-in') return builtInDriver;
  const names = wanted === undefined ? (['redis', 'ioredis'] as const) : [wanted];
  for (const name of names) {
    for (const packageName of packages[name]) {
      const found = await importModule(packageName).catch(absentOrThrow);
      if (found) return name === 'redis' ? driverOfNodeRedis(found) : driverOfIoRedis(found);
    }
  }
  throw new InvalidOptionError(
    'driver',
    wanted === undefined ? 'no client of Redis is installed' : `${wanted} is not installed`,
    `Install it: npm install ${wanted ?? 'redis'}.`,
  );
}

/** @param module what `import('@redis/client')` gives. */
export function driverOfNodeRedis(module: unknown): RedisDriver {
  const { createClient } = module as { readonly createClient: (options: object) => NodeRedisClient };
  return nodeRedisDriver((options) => createClient(options));
}

interface IoRedisModule {
  readonly Redis: new (options: object) => IoRedisClient;
}

/**
 * @param module what `import('ioredis')` gives.
 * @param template the options that hold where the driver has none of its own to set.
 */
export function driverOfIoRedis(module: unknown, template: object = {}): RedisDriver {
  const { Redis } = module as IoRedisModule;
  return ioRedisDriver((options) => new Redis({ ...template, ...options }));
}

function absentOrThrow(error: unknown): undefined {
  const { code } = error as { readonly code?: string };
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
  throw error;
}
