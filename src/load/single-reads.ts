import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { AskedItem } from '../origin/fill-lease.js';
import type { CacheClock } from '../value/cache-clock.js';
import { freshnessAt } from '../value/entry.js';
import { channels } from '../value/events.js';
import type { MissReason } from '../value/lookup.js';
import type { Fills, LoadKeys } from './fills.js';
import type { Flight, Landed } from './flight.js';
import type { Loader } from './loader.js';
import type { Wanted } from './wanted.js';

/** The way of one key: its stored value as fast as can be, and everything else by the way of many. */
export class SingleReads {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly fills: Fills,
    private readonly clock: CacheClock,
  ) {}

  /** What the store holds, or a load under a lease. */
  readOrLoad<V>(flight: Flight<Landed<V>>, key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<Landed<V>> {
    return this.fill(flight, key, this.coherence.placeToRead(key, policy), loader, policy);
  }

  /**
   * The entry of a store that needs no waiting: there is nothing to join and nothing to lease. A disk hit of 1 KB takes two thirds of
   * the time of one that goes by a flight.
   */
  foundNow<V>(key: Key, policy: EntryPolicy<V>): Landed<V> | undefined {
    const placed = this.coherence.placeToRead(key, policy);
    if (!placed?.shard.readNow || !this.needsItemAlone(placed, policy)) return undefined;
    return this.foundIn(placed, policy, this.coherence.names.position);
  }

  /** As `foundNow`, where it was placed and no more than the item is needed. */
  foundIn<V>(placed: Placed, policy: EntryPolicy<V>, position: number): Landed<V> | undefined {
    const seen = placed.shard.readNow?.(placed.storeKey);
    if (!seen || seen.end === seen.start) return undefined;
    const now = this.clock.now();
    const copy = this.entries.servableAlone(placed, seen, policy, position, now);
    if (copy === undefined) return undefined;
    this.publishHit(placed.key, copy);
    this.near.keep(placed.key, copy, policy);
    return { copy, keptForRequest: true, refreshDue: now >= copy.servedUntil };
  }

  publishHit<V>(key: Key, copy: NearCopy<V>): void {
    if (!channels.hit.hasSubscribers) return;
    const freshness = freshnessAt(copy, this.clock.now()) ?? 'stale';
    const tier = this.coherence.store?.name ?? 'store';
    channels.hit.publish({ cache: this.cache, key: key.text, tier, freshness });
  }

  /**
   * One key, as the way of many sees it.
   * @param answer what the store has answered already.
   */
  async fill<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    placed: Placed | undefined,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
    answer?: AskedItem,
    reason: MissReason = placed || !policy.shared || !this.coherence.store ? 'absent' : 'invalidated',
  ): Promise<Landed<V>> {
    const one = wantedOf<V>(key, policy, placed, reason);
    one.answer = answer;
    one.askedAt = flight.position;
    await this.fills.run(flight, [one], loadOne(loader));
    return one.landed as Landed<V>;
  }

  private needsItemAlone<V>({ feed, space }: Placed, { tags, idleMs, requestOnly }: EntryPolicy<V>): boolean {
    return tags.length === 0 && idleMs === undefined && !requestOnly && feed.versions.generationOf(space) !== undefined;
  }
}

/** A key that is asked for alone. */
export interface WantedAlone<V> extends Wanted<V> {
  landed: Landed<V> | undefined;
}

export function wantedOf<V>(
  key: Key,
  policy: EntryPolicy<V>,
  placed: Placed | undefined,
  reason: MissReason,
): WantedAlone<V> {
  const one: WantedAlone<V> = {
    given: key,
    key,
    policy,
    placed,
    land: (landed) => (one.landed = landed),
    found: false,
    lease: undefined,
    reason,
    landed: undefined,
  };
  return one;
}

/** The loader of one key as one of many. */
export function loadOne<V>(loader: Loader<V>, stale?: NearCopy<V>): LoadKeys<V> {
  return async ([one], context) => {
    const { key } = one as Wanted<V>;
    return new Map([[key.id, await loader({ key: key.original, ...context, ...(stale && { stale: stale.read() }) })]]);
  };
}
