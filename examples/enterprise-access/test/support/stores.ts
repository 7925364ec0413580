import { startMemcached } from '../../../../test/support/memcached-process.js';
import type { MemcachedProcess } from '../../../../test/support/memcached-process.js';

/** The stores that the service runs on: the environment of its workers, and the tier that answers there. */
export interface ServiceStore {
  readonly tier: 'disk' | 'memcached';
  readonly env: Readonly<Record<string, string>>;
  readonly memcached?: MemcachedProcess;
  stop(): Promise<void>;
}

export const startStore = {
  disk: (): Promise<ServiceStore> => Promise.resolve({ tier: 'disk', env: {}, stop: () => Promise.resolve() }),
  memcached: async (): Promise<ServiceStore> => {
    const memcached = await startMemcached();
    return {
      tier: 'memcached',
      env: { MEMCACHED_SERVERS: memcached.address },
      memcached,
      stop: () => memcached.stop(),
    };
  },
} as const;

/** Each store and each HTTP adapter, and under ENDURANCE each with each: neither knows of the other. */
export const combinations = process.env['ENDURANCE']
  ? ([
      ['disk', 'express'],
      ['disk', 'fastify'],
      ['memcached', 'express'],
      ['memcached', 'fastify'],
    ] as const)
  : ([
      ['disk', 'express'],
      ['memcached', 'fastify'],
    ] as const);
