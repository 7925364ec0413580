import type { Store, StoreCapabilities } from '../store/store.js';
import { InvalidOptionError } from '../value/errors.js';

const reaches = ['process', 'host', 'fleet'] as const;

/** @throws InvalidOptionError for a store that has no atomic operations, whose keys move, or that does not reach as far as asked. */
export function assertStoreCanLock(store: Store, reach: StoreCapabilities['reach'] | undefined): void {
  const { atomic, reach: own, movesKeys } = store.capabilities;
  if (!atomic) {
    const problem = `the ${store.name} store has no atomic operations`;
    throw new InvalidOptionError('lock.store', problem, 'Use memcached, Redis, disk or memory.');
  }
  if (movesKeys) {
    const problem = `the list of the ${store.name} store's servers may change, and a lock that is held would be lost`;
    throw new InvalidOptionError('lock.store', problem, 'Give locks a store of their own, whose servers are named.');
  }
  if (reach === undefined) return;
  if (!reaches.includes(reach)) {
    throw new InvalidOptionError('lock.reach', `'${String(reach)}' is none`, "Give 'process', 'host' or 'fleet'.");
  }
  if (reaches.indexOf(reach) > reaches.indexOf(own)) {
    const problem = `locks in the ${store.name} store reach the ${own}, not the ${reach}`;
    throw new InvalidOptionError(
      'lock.reach',
      problem,
      'Give lock.store a store that reaches as far, or ask for less.',
    );
  }
}
