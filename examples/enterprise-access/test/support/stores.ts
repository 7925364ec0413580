import { startMemcached } from '../../../../test/support/memcached-process.js';
import { startRedis } from '../../../../test/support/redis-process.js';

/** The stores that the service runs on: the environment of its workers, and the tier that answers there. */
export interface ServiceStore {
  readonly tier: 'disk' | 'memcached' | 'redis';
  readonly env: Readonly<Record<string, string>>;
  /** What stands behind it, where that is a server. */
  readonly server?: { kill(): Promise<void>; start(): Promise<void> };
  stop(): Promise<void>;
}

export const startStore = {
  disk: (): Promise<ServiceStore> => Promise.resolve({ tier: 'disk', env: {}, stop: () => Promise.resolve() }),
  memcached: async (): Promise<ServiceStore> => {
    const server = await startMemcached();
    return { tier: 'memcached', env: { MEMCACHED_SERVERS: server.address }, server, stop: () => server.stop() };
  },
  redis: async (): Promise<ServiceStore> => {
    const server = await startRedis();
    return { tier: 'redis', env: { CACHE_REDIS_URL: server.url }, server, stop: () => server.stop() };
  },
} as const;

const endurance = process.env['ENDURANCE'] === '1';

/** Stores, each with an HTTP adapter; under ENDURANCE each with each: neither knows of the other. @param server the one that stands for both otherwise. */
export function combinationsWith(
  server: 'memcached' | 'redis',
): readonly (readonly [keyof typeof startStore, 'express' | 'fastify'])[] {
  if (!endurance) return [['disk', 'express'] as const, [server, 'fastify'] as const];
  const stores = ['disk', 'memcached', 'redis'] as const;
  return stores.flatMap((store) => [[store, 'express'] as const, [store, 'fastify'] as const]);
}

/** Servers that are killed, each beside an HTTP adapter. */
export const servers = endurance
  ? combinationsWith('redis').filter(([store]) => store !== 'disk')
  : ([
      ['memcached', 'fastify'],
      ['redis', 'express'],
    ] as const);
