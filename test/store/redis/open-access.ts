import { accessFor } from '../../../src/store/redis/access-for.js';
import type { RedisAccess } from '../../../src/store/redis/redis-access.js';
import { readRedisOptions } from '../../../src/store/redis/redis-options.js';
import type { RedisConnectionOptions } from '../../../src/store/redis/redis-options.js';
import { systemClock } from '../../../src/value/clock.js';
import { testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';

/** The access to a Redis through one of the tested clients. Close it. */
export async function openAccess(driver: TestedDriver, options: RedisConnectionOptions): Promise<RedisAccess> {
  return accessFor(readRedisOptions(options), await testedDriver(driver), systemClock, Math.random);
}
