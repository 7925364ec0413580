import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Placed } from '../coherence/placed.js';
import type { Key, KeyLike } from '../key/key.js';
import type { AskedItem, FillLease } from '../origin/fill-lease.js';
import type { MissReason } from '../value/lookup.js';
import type { Flight, Landed } from './flight.js';
import type { Landing, UnderWay } from './under-way.js';
import type { Wanted } from './wanted.js';

/** One key of a bulk: what its fill is to find or to load, and what look-ups of the key join meanwhile. */
export class BulkKey<V> implements Wanted<V>, UnderWay<V> {
  answer: AskedItem | undefined = undefined;
  found = false;
  lease: FillLease | undefined = undefined;
  landing: Landing<V> | undefined = undefined;
  carrier: Flight | undefined = undefined;
  /** It was found or loaded. */
  hasLanded = false;

  constructor(
    readonly given: KeyLike,
    readonly key: Key,
    readonly policy: EntryPolicy<V>,
    readonly placed: Placed | undefined,
    public reason: MissReason,
    readonly slot: string,
    readonly position: number,
    readonly beganAt: number,
    /** The bulk is told here, unless it waits for a flight as others do. */
    private readonly landed: ((key: BulkKey<V>, landed: Landed<V>) => void) | undefined,
  ) {}

  get tellsBulk(): boolean {
    return this.landed !== undefined;
  }

  land(landed: Landed<V>): void {
    this.hasLanded = true;
    this.landing?.land(landed);
    this.landed?.(this, landed);
  }

  /** The bulk came to nothing. */
  fail(error: unknown): void {
    if (!this.hasLanded) this.landing?.land(Promise.reject(error));
  }
}
