import type { Clock } from '../../value/clock.js';
import { isItemKey } from './disk-key.js';
import { readHead } from './disk-record.js';
import type { RecordHead } from './disk-record.js';
import type { Environment } from './environment.js';

/** A record as it lies in the database, without its bytes. */
export interface Neighbour extends RecordHead {
  readonly key: Uint8Array;
  /** The number of the state that was seen: what a removal is bound to. */
  readonly version: number;
  /** Of the record; the pages it takes may be a little more. */
  readonly size: number;
}

/**
 * Reads the heads of up to `count` items that follow each other in the order of their hashes, or as many as fit into `budgetMs`. None only where none
 * follows: the process may be kept from running before the first.
 */
export function neighbours(
  environment: Environment,
  from: Uint8Array,
  count: number,
  { clock, budgetMs }: { readonly clock: Pick<Clock, 'monotonic'>; readonly budgetMs: number },
): Neighbour[] {
  const found: Neighbour[] = [];
  const until = clock.monotonic() + budgetMs;
  environment.resetReadTxn();
  try {
    const range = environment.getRange({ start: from, exclusiveStart: true, limit: count, versions: true });
    for (const { key, value, version = 0 } of range) {
      if (typeof key !== 'string' && isItemKey(key))
        found.push({ key, version, size: value.length, ...readHead(value as Buffer) });
      if (found.length > 0 && clock.monotonic() > until) break;
    }
  } finally {
    environment.resetReadTxn();
  }
  return found;
}
