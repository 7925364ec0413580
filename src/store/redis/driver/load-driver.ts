import { InvalidOptionError } from '../../../value/errors.js';
import { installCommand } from '../../../value/install-command.js';
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

type PackageName = (typeof packages)[keyof typeof packages][number];

/** Stands for `import()`. Resolves to undefined where the package is not installed. */
export type ImportModule = (name: PackageName) => Promise<unknown>;

/** A bundler finds what is imported by its name alone, and goes on without what it does not find only where that stands in a `try`. */
const importInstalled: ImportModule = async (name) => {
  try {
    if (name === 'ioredis') return await import('ioredis');
    if (name === '@redis/client') return await import('@redis/client');
    // This package is built without it: `satisfies` keeps the compiler from looking for its types.
    return (await import('redis' satisfies string)) as unknown;
  } catch (error) {
    return absentOrThrow(error);
  }
};

/**
 * @param template of ioredis, see `driverOfIoRedis`.
 * @throws InvalidOptionError that says what to install.
 */
export async function loadDriver(
  wanted: DriverName,
  importModule: ImportModule = importInstalled,
  template: object = {},
): Promise<RedisDriver> {
  if (wanted === 'built-in') return builtInDriver;
  for (const packageName of packages[wanted]) {
    const found = await importModule(packageName);
    if (found) return wanted === 'redis' ? driverOfNodeRedis(found) : driverOfIoRedis(found, template);
  }
  const command = installCommand(packages[wanted][0]);
  const remedy = `Run \`${command}\`. Or leave driver out: the built-in one needs no package.`;
  throw new InvalidOptionError('driver', `${wanted} is not installed`, remedy);
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
