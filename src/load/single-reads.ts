import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import { leaseMs } from '../origin/fill-lease.js';
import type { AskedItem } from '../origin/fill-lease.js';
import type { CacheClock } from '../value/cache-clock.js';
import { freshnessAt } from '../value/entry.js';
import { StoreUnavailableError } from '../value/errors.js';
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

  /**
   * What the store holds, or a load under a lease. Most look-ups find the value, and need nothing but the item: they are answered from the
   * store's own promise, in one step.
   */
  readOrLoad<V>(flight: Flight<Landed<V>>, key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<Landed<V>> {
    const placed = this.coherence.placeToRead(key, policy);
    if (!placed?.shard.invalidate || !this.needsItemAlone(placed, policy))
      return this.fill(flight, key, placed, loader, policy);
    return placed.shard.readOrStub([placed.storeKey], leaseMs).then(
      (answer) => {
        const item = answer[0] as AskedItem;
        const holds = !item.won && item.bytes.length > 0;
        const alone = holds ? this.entries.understandAlone(placed, item, policy, flight.position) : undefined;
        if (alone && 'copy' in alone) return this.landed(placed, alone.copy, policy);
        return this.fill(flight, key, placed, loader, policy, item);
      },
      (error: unknown) => {
        if (!(error instanceof StoreUnavailableError)) throw error;
        return this.fill(flight, key, undefined, loader, policy, undefined, 'unavailable');
      },
    );
  }

  /**
   * The entry of a store that needs no waiting: there is nothing to join and nothing to lease. A disk hit of 1 KB takes two thirds of
   * the time of one that goes by a flight.
   */
  foundNow<V>(key: Key, policy: EntryPolicy<V>): Landed<V> | undefined {
    const placed = this.coherence.placeToRead(key, policy);
    if (!placed?.shard.readNow || !this.needsItemAlone(placed, policy)) return undefined;
    const item = placed.shard.readNow(placed.storeKey);
    if (!item || item.bytes.length === 0) return undefined;
    const copy = this.entries.servableAlone(placed, item, policy, this.coherence.names.position);
    return copy && this.landed(placed, copy, policy);
  }

  /** One key, as the way of many sees it. */
  private async fill<V>(
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
    await this.fills.run(flight, [one], loadOne(loader));
    return one.landed as Landed<V>;
  }

  private needsItemAlone<V>({ feed, space }: Placed, { tags, idleMs, requestOnly }: EntryPolicy<V>): boolean {
    return tags.length === 0 && idleMs === undefined && !requestOnly && feed.versions.generationOf(space) !== undefined;
  }

  private landed<V>({ key }: Placed, copy: NearCopy<V>, policy: EntryPolicy<V>): Landed<V> {
    const now = this.clock.now();
    if (channels.hit.hasSubscribers) {
      const freshness = freshnessAt(copy, now) ?? 'stale';
      const tier = this.coherence.store?.name ?? 'store';
      channels.hit.publish({ cache: this.cache, key: key.text, tier, freshness });
    }
    this.near.keep(key, copy, policy);
    return { copy, keptForRequest: true, refreshDue: now >= copy.servedUntil };
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
