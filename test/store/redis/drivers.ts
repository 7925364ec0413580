import { builtInDriver } from '../../../src/store/redis/driver/built-in-driver.js';
import { driverOfIoRedis, driverOfNodeRedis } from '../../../src/store/redis/driver/load-driver.js';
import type { RedisDriver } from '../../../src/store/redis/driver/redis-driver.js';

/** All that the library speaks through: its own, and the oldest and the newest of each client. */
export const driverNames = ['built-in', '@redis/client 6', '@redis/client 5', 'ioredis 6', 'ioredis 5'] as const;

export type TestedDriver = (typeof driverNames)[number];

export async function testedDriver(name: TestedDriver): Promise<RedisDriver> {
  switch (name) {
    case 'built-in':
      return builtInDriver;
    case '@redis/client 6':
      return driverOfNodeRedis(await import('@redis/client'));
    case '@redis/client 5':
      return driverOfNodeRedis(await import('redis-client-5'));
    case 'ioredis 6':
      return driverOfIoRedis(await import('ioredis'));
    case 'ioredis 5':
      return driverOfIoRedis(await import('ioredis-5'));
  }
}
