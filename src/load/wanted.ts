import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Placed } from '../coherence/placed.js';
import type { Key, KeyLike } from '../key/key.js';
import type { AskedItem, FillLease } from '../origin/fill-lease.js';
import type { MissReason } from '../value/lookup.js';
import type { Landed } from './flight.js';

/** One key that a fill is to find or to load: what is known of it so far, and the right to load it, once that is won. */
export class Wanted<V> {
  /** What the store has answered already: it is not asked again. */
  answer: AskedItem | undefined = undefined;
  /** With an answer: the position among invalidated names when the store was asked. */
  askedAt: number | undefined = undefined;
  lease: FillLease | undefined = undefined;
  /** Once it was found or loaded. */
  landed: Landed<V> | undefined = undefined;

  constructor(
    /** The key as the caller gave it: a bulk's loader is called with these. */
    readonly given: KeyLike,
    readonly key: Key,
    readonly policy: EntryPolicy<V>,
    /** Where it stands in the store; absent where it is not to be looked for there. */
    readonly placed: Placed | undefined,
    /** Why it is missing, as far as is known. */
    public reason: MissReason,
  ) {}

  land(landed: Landed<V>): void {
    this.landed = landed;
  }
}

/** Keys that this process has the right to load, and keys that another process is loading. */
export interface Asked<V> {
  readonly mine: Wanted<V>[];
  readonly others: Wanted<V>[];
}
