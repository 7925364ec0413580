import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Placed } from '../coherence/placed.js';
import type { Key, KeyLike } from '../key/key.js';
import type { MissReason } from '../value/lookup.js';
import type { Flight, Landed } from './flight.js';
import type { Landing, UnderWay } from './under-way.js';
import { Wanted } from './wanted.js';

/** One key of a bulk: what its fill is to find or to load, and what look-ups of the key join meanwhile. */
export class BulkKey<V> extends Wanted<V> implements UnderWay<V> {
  landing: Landing<V> | undefined = undefined;
  carrier: Flight | undefined = undefined;

  constructor(
    given: KeyLike,
    key: Key,
    policy: EntryPolicy<V>,
    placed: Placed | undefined,
    reason: MissReason,
    readonly slot: string,
    readonly position: number,
    readonly beganAt: number,
    /** The bulk is told here, unless it waits for a flight as others do. */
    private readonly onLanded: ((key: BulkKey<V>, landed: Landed<V>) => void) | undefined,
  ) {
    super(given, key, policy, placed, reason);
  }

  get tellsBulk(): boolean {
    return this.onLanded !== undefined;
  }

  override land(landed: Landed<V>): void {
    super.land(landed);
    this.landing?.land(landed);
    this.onLanded?.(this, landed);
  }

  /** The bulk came to nothing. */
  fail(error: unknown): void {
    if (!this.landed) this.landing?.land(Promise.reject(error));
  }
}
