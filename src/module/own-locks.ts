import { hiddenNames } from '../cache/cache-configuration.js';
import { CacheLock } from '../lock/cache-lock.js';
import { Integrity } from '../codec/integrity.js';
import type { Store } from '../store/store.js';
import { authenticated } from '../origin/authenticated-store.js';
import { guarded } from '../origin/guarded-store.js';
import { milliseconds } from '../value/duration.js';
import type { ResolvedOptions } from './resolved-options.js';

/** The locks beside one cache. */
export interface OwnLocks {
  /** Absent where there is no store that could hold one. */
  readonly lock: CacheLock | undefined;
  /** A store of the locks alone, to be closed with them. */
  readonly ownStore: Store | undefined;
  readonly shutdownLimitMs: number;
}

/** Runs after the cache was opened, whose store the locks share unless they are given their own. */
export async function openLocks({ cache, lock }: ResolvedOptions): Promise<OwnLocks> {
  const shutdownLimitMs = milliseconds(lock.shutdownLimit ?? 10_000, 'lock.shutdownLimit');
  const store = lock.store ?? cache.store;
  // A store that can hold no locks is an error only for who asked for locks there.
  const { ttl, reach, namespace } = lock;
  const asked = [lock.store, ttl, reach, namespace].some((option) => option !== undefined);
  const canLock = store && store.capabilities.atomic && !store.capabilities.movesKeys;
  if (!store || (!canLock && !asked)) return { lock: undefined, ownStore: undefined, shutdownLimitMs };
  const guard = guarded(store, cache.clock && { clock: cache.clock });
  const ownStore = store !== cache.store ? guard : undefined;
  const locks = new CacheLock({
    store: cache.integrity ? authenticated(guard, Integrity.of(cache.integrity)) : guard,
    ...(cache.clock && { clock: cache.clock }),
    ...(cache.random && { random: cache.random }),
    namespace: lock.namespace ?? cache.namespace,
    hidden: hiddenNames(cache),
    ...(lock.ttl !== undefined && { ttl: lock.ttl }),
    ...(lock.reach !== undefined && { reach: lock.reach }),
  });
  await ownStore?.open();
  return { lock: locks, ownStore, shutdownLimitMs };
}
