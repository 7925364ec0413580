import { hiddenNames } from '../cache/cache-configuration.js';
import { getCacheLockToken } from '../cache/injection-tokens.js';
import { assertStoreCanLock, lockRefusalOf } from '../lock/assert-store-can-lock.js';
import { CacheLock } from '../lock/cache-lock.js';
import { Integrity } from '../codec/integrity.js';
import type { Store } from '../store/store.js';
import { authenticated } from '../origin/authenticated-store.js';
import { guarded } from '../origin/guarded-store.js';
import { milliseconds } from '../value/duration.js';
import type { AbsentLocks } from './absent-locks.js';
import type { ResolvedOptions } from './resolved-options.js';

/** The locks beside one cache. */
export interface OwnLocks {
  /** Absent where there is no store that could hold one. */
  readonly lock: CacheLock | undefined;
  /** Why they are absent. */
  readonly absent?: AbsentLocks;
  /** A store of the locks alone, to be closed with them. */
  readonly ownStore: Store | undefined;
  readonly shutdownLimitMs: number;
}

/**
 * Runs after the cache was opened, whose store the locks share unless they are given their own.
 * @throws InvalidOptionError for options of locks whose store can hold none.
 */
export async function openLocks({ cache, lock }: ResolvedOptions): Promise<OwnLocks> {
  const shutdownLimitMs = milliseconds(lock.shutdownLimit ?? 10_000, 'lock.shutdownLimit');
  const store = lock.store ?? cache.store;
  const refusal = lockRefusalOf(store);
  const { ttl, reach, namespace, deadline } = lock;
  const areDescribed = [lock.store, ttl, reach, namespace, deadline].some((option) => option !== undefined);
  if (refusal && !areDescribed) {
    const absent = { token: getCacheLockToken(cache.name), refusal };
    return { lock: undefined, absent, ownStore: undefined, shutdownLimitMs };
  }
  assertStoreCanLock(store, reach);
  const guard = guarded(store, cache.clock && { clock: cache.clock });
  const ownStore = store !== cache.store ? guard : undefined;
  const locks = new CacheLock({
    store: cache.integrity ? authenticated(guard, Integrity.of(cache.integrity)) : guard,
    ...(cache.clock && { clock: cache.clock }),
    ...(cache.random && { random: cache.random }),
    namespace: lock.namespace ?? cache.namespace,
    hidden: hiddenNames(cache),
    ...(ttl !== undefined && { ttl }),
    ...(reach !== undefined && { reach }),
    ...(deadline !== undefined && { deadline }),
  });
  await ownStore?.open();
  return { lock: locks, ownStore, shutdownLimitMs };
}
