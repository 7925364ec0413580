import type { Store, StoreCapabilities } from '../store/store.js';
import { InvalidOptionError } from '../value/errors.js';

const reaches = ['process', 'host', 'fleet'] as const;

/** Why there are no locks, and what to do. */
export interface LockRefusal {
  readonly problem: string;
  readonly remedy: string;
}

/** Undefined: the store can hold locks. */
export function lockRefusalOf(store: Store | undefined): LockRefusal | undefined {
  if (!store) {
    return { problem: 'there is no store below the process tier', remedy: 'Give locks a store of their own.' };
  }
  const { atomic, movesKeys } = store.capabilities;
  if (!atomic) {
    const problem = `the ${store.name} store has no atomic operations`;
    return { problem, remedy: 'Use memcached, Redis, disk or memory.' };
  }
  if (!movesKeys) return undefined;
  const problem = `the list of the ${store.name} store's servers may change, and a lock that is held would be lost`;
  return { problem, remedy: 'Give locks a store of their own, whose servers are named.' };
}

/** @throws InvalidOptionError for what is none. */
export function assertReach(reach: StoreCapabilities['reach'] | undefined): void {
  if (reach === undefined || reaches.includes(reach)) return;
  throw new InvalidOptionError('lock.reach', `'${String(reach)}' is none`, "Give 'process', 'host' or 'fleet'.");
}

/** @throws InvalidOptionError for no store, one that has no atomic operations, whose keys move, or that does not reach as far as asked. */
export function assertStoreCanLock(
  store: Store | undefined,
  reach: StoreCapabilities['reach'] | undefined,
): asserts store is Store {
  const refusal = lockRefusalOf(store);
  if (refusal) throw new InvalidOptionError('lock.store', refusal.problem, refusal.remedy);
  assertReach(reach);
  if (!store || reach === undefined) return;
  const { reach: own } = store.capabilities;
  if (reaches.indexOf(reach) > reaches.indexOf(own)) {
    const problem = `locks in the ${store.name} store reach the ${own}, not the ${reach}`;
    throw new InvalidOptionError(
      'lock.reach',
      problem,
      'Give lock.store a store that reaches as far, or ask for less.',
    );
  }
}
