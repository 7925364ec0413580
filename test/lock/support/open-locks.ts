import { CacheLock } from '../../../src/lock/cache-lock.js';
import type { CacheLockConfiguration, LockOutcome } from '../../../src/lock/cache-lock.js';
import type { Lease, LockProtections } from '../../../src/lock/lease.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import type { MemcachedStoreOptions } from '../../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { patience } from '../../support/patience.js';

/** Whether the counts and times of the scenarios are the full ones. */
export const endurance = process.env['ENDURANCE'] === '1';

export interface OpenLocks {
  readonly locks: CacheLock;
  readonly store: Store;
  /** Another lock room with a connection of its own, as in another process. */
  another(protections?: LockProtections): Promise<CacheLock>;
  close(): Promise<void>;
}

type Deadlines = Pick<MemcachedStoreOptions, 'commandTimeout' | 'connectTimeout'>;

/**
 * Locks on memcached servers or on Redis, as one process has them.
 *
 * @param servers of memcached, or the URL of a Redis.
 * @param deadlines default: longer than a busy machine keeps an answer waiting.
 */
export async function openLocks(
  servers: string | readonly string[],
  configuration: Partial<CacheLockConfiguration> = {},
  protections: LockProtections = {},
  deadlines: Deadlines = patience,
): Promise<OpenLocks> {
  const stores: Store[] = [];
  const rooms: CacheLock[] = [];
  const open = async (off: LockProtections): Promise<CacheLock> => {
    const store = isRedis(servers)
      ? redisStore({ url: servers, ...deadlines })
      : memcachedStore({ servers, ...deadlines });
    await store.open();
    stores.push(store);
    const room = new CacheLock({ store, namespace: 'test', ttl: '2s', deadline: '5s', ...configuration }, off);
    rooms.push(room);
    return room;
  };
  const locks = await open(protections);
  return {
    locks,
    store: stores[0] as Store,
    another: (off = {}) => open(off),
    close: async () => {
      await Promise.all(rooms.map((room) => room.shutdown(0)));
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

const isRedis = (servers: string | readonly string[]): servers is string =>
  typeof servers === 'string' && servers.startsWith('redis:');

export function leaseOf(outcome: LockOutcome): Lease {
  if (outcome.status === 'acquired') return outcome.lease;
  throw new Error(`not acquired but ${outcome.status}`, { cause: 'cause' in outcome ? outcome.cause : undefined });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
