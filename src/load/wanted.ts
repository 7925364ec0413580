import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { noTags } from '../codec/envelope.js';
import type { Placed } from '../coherence/placed.js';
import type { Key, KeyLike } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { HeldTiers } from '../near/request-scope.js';
import type { NewEntry } from '../near/new-entries.js';
import type { StoredEntries } from '../near/stored-entries.js';
import { leaseMs } from '../origin/fill-lease.js';
import type { AskedItem, FillLease } from '../origin/fill-lease.js';
import { ItemAsk, itemOf } from '../store/item-ask.js';
import type { ItemAnswer } from '../store/item-ask.js';
import type { TagGeneration } from '../value/entry.js';
import type { MissReason } from '../value/lookup.js';
import type { Flight, Landed } from './flight.js';

/** The flight that a wanted key has become, and how it is landed. */
export interface Landing<V> {
  readonly flight: Flight<Landed<V>>;
  readonly land: (landed: Landed<V> | Promise<Landed<V>>) => void;
}

/**
 * One key that is looked up, alone or among others: what waits on the wire, what other look-ups of the key join, and what a fill is to find or to load.
 * Most find their item, and nothing else is made for them. What only a load needs is made when it becomes one: a flight, which takes its place among
 * those under way, and the right to fill.
 */
export class Wanted<V = unknown> extends ItemAsk {
  /** What lies in the store, if the item alone told that it may be served. */
  copy: NearCopy<V> | undefined = undefined;
  /** With a copy: it is served, and due for a refresh. */
  isDue = false;
  /** What the store answered else: it is not asked again. */
  item: AskedItem | undefined = undefined;
  error: unknown = undefined;
  /** The position among invalidated names when the store was asked. */
  askedPosition: number;
  /** The right to load it, once that is won. */
  lease: FillLease | undefined = undefined;
  /** When its load begins: the generation that entries of this version carry on its shard. */
  generation = 0;
  /** The generations of its tags when its load began; undefined: they could not be read, and nothing with tags is kept. */
  tags: readonly TagGeneration[] | undefined = noTags;
  /** What the request held that asked for it, and goes on holding. */
  askedIn: HeldTiers | undefined = undefined;
  /** What was loaded, encoded and dated. */
  made: NewEntry<V> | undefined = undefined;
  /** Once it was found or loaded. */
  landed: Landed<V> | undefined = undefined;
  /** Made when somebody joins who needs a flight, or when it becomes one. */
  landing: Landing<V> | undefined = undefined;
  /** The flight of the bulk that it is part of. */
  carrier: Flight | undefined = undefined;
  /** Whoever asked the store is told that it has answered. */
  onAnswered: (() => void) | undefined = undefined;
  /** The bulk is told, unless it waits for a flight as others do. */
  onLanded: ((one: Wanted<V>, landed: Landed<V>) => void) | undefined = undefined;

  constructor(
    private readonly entries: StoredEntries,
    /** The key as the caller gave it: a bulk's loader is called with these. */
    readonly given: KeyLike,
    readonly key: Key,
    readonly policy: EntryPolicy<V>,
    /** Where it stands in the store; absent where it is not to be looked for there. */
    public placed: Placed | undefined,
    /** Why it is missing, as far as is known. */
    public reason: MissReason,
    /** The position among invalidated names when it began. */
    readonly position: number,
    /** In epoch milliseconds, no later than it was. */
    readonly beganAt: number,
    /** Among what is under way; empty: nobody is to join it. */
    readonly slot = '',
  ) {
    super(placed?.storeKey ?? '', leaseMs);
    this.askedPosition = position;
  }

  /** Answered where the bytes lie, if the item alone tells all; else they are kept. */
  protected override take(found: ItemAnswer): void {
    const { start, end, won } = found;
    if (!won && end > start && this.policy.needsItemAlone) {
      const now = this.entries.clock.nowInStep();
      const copy = this.entries.servableAlone(this.placed as Placed, found, this.policy, this.askedPosition, now);
      this.copy = copy;
      this.isDue = copy !== undefined && now >= copy.servedUntil;
    }
    if (this.copy === undefined) {
      this.item = itemOf(found);
    }
    this.onAnswered?.();
  }

  protected override fail(error: unknown): void {
    this.error = error;
    this.onAnswered?.();
  }

  land(landed: Landed<V>): void {
    this.landed = landed;
    this.landing?.land(landed);
    this.onLanded?.(this, landed);
  }

  /** The fill that was to bring it came to nothing. */
  crash(error: unknown): void {
    if (!this.landed) this.landing?.land(Promise.reject(error));
  }
}

/** Keys that this process has the right to load, and keys that another process is loading. */
export interface Asked<V> {
  readonly mine: Wanted<V>[];
  readonly others: Wanted<V>[];
}
