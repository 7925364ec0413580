import type { Key, KeyLike } from '../key/key.js';
import { byShard } from '../store/placement.js';
import type { Shard } from '../store/store.js';
import type { FillLease, LeaseOrItem } from '../tier/fill-lease.js';
import type { NearCopy } from '../tier/near-copy.js';
import { StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { MissReason } from '../value/lookup.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import type { Flight, Landed } from './flight.js';
import type { LookUps } from './look-ups.js';
import type { NearTiers } from './near-tiers.js';
import type { StoredEntries, Understood } from './stored-entries.js';

/** One missing key of a bulk: who waits for it, and the right to load it, once that is won. */
export interface Wanted<V> {
  readonly given: KeyLike;
  readonly key: Key;
  readonly policy: EntryPolicy<V>;
  readonly placed: PlacedKey | undefined;
  /** What single look-ups of the key join. */
  readonly flight: Flight<Landed<V>>;
  readonly resolve: (landed: Landed<V>) => void;
  readonly reject: (error: unknown) => void;
  /** The store had it. */
  found: boolean;
  lease: FillLease | undefined;
  /** Why it is missing, as far as is known. */
  reason: MissReason;
}

/** Keys that this process has the right to load, and keys that another process is loading. */
export interface Asked<V> {
  readonly mine: Wanted<V>[];
  readonly others: Wanted<V>[];
}

/** What became of one key: found, the right to load it, somebody else's right, or a worthless item that was removed. */
type Outcome = FillLease | 'found' | 'held' | 'removed';

/** Times worthless items are removed and asked for again at once. */
const maxRemovals = 3;

/** Asks the store for many keys with the intent to load what is missing: one round trip per shard. */
export class LeasedReads {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly lookUps: LookUps,
  ) {}

  /** What is found is settled at once; what can't be asked for is loaded without a lease. */
  async ask<V>(wanted: readonly Wanted<V>[], removals = 0): Promise<Asked<V>> {
    const again: Wanted<V>[] = [];
    const mine: Wanted<V>[] = [];
    const others: Wanted<V>[] = [];
    const askGroup = async (shard: Shard, group: readonly Wanted<V>[]): Promise<void> => {
      try {
        for (const [one, outcome] of await this.askShard(shard, group)) {
          if (outcome === 'removed' && removals < maxRemovals) again.push(one);
          else if (outcome === 'held' || outcome === 'removed') others.push(one);
          else if (outcome !== 'found') {
            one.lease = outcome;
            mine.push(one);
          }
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        for (const one of group) {
          if (one.found) continue;
          one.reason = 'unavailable';
          mine.push(one);
        }
      }
    };
    const placed = wanted.filter(({ placed }) => placed !== undefined);
    const groups = byShard(placed, (one) => (one.placed as PlacedKey).shard);
    await Promise.all([...groups].map(([shard, group]) => askGroup(shard, group)));
    if (again.length === 0) return { mine, others };
    const next = await this.ask(again, removals + 1);
    return { mine: [...mine, ...next.mine], others: [...others, ...next.others] };
  }

  private async askShard<V>(shard: Shard, group: readonly Wanted<V>[]): Promise<(readonly [Wanted<V>, Outcome])[]> {
    const { position } = this.parts.fence;
    await this.parts.logOf(shard).ready();
    const storeKeys = group.map(({ placed }) => (placed as PlacedKey).storeKey);
    const tags = new Set(group.flatMap(({ policy }) => policy.tags));
    const [leased, generations] = await Promise.all([
      this.parts.leases.readOrWin(shard, storeKeys),
      this.entries.generationsOf([...tags]),
    ]);
    const outcomes: (readonly [Wanted<V>, Outcome])[] = [];
    const later: Promise<readonly [Wanted<V>, Outcome]>[] = [];
    for (const [index, one] of group.entries()) {
      const here = leased[index] as LeaseOrItem;
      if (here.state === 'won') outcomes.push([one, here.lease]);
      else if (here.state === 'held') outcomes.push([one, 'held']);
      else {
        const placed = one.placed as PlacedKey;
        const alone = this.entries.understandAlone(placed, here.item, one.policy);
        // Most need nothing but their item, and no promise is made for them.
        if ('copy' in alone && one.policy.idleMs === undefined) this.settle(one, alone.copy, position);
        else {
          const understood = this.entries.understandFurther(placed, alone, one.policy, generations);
          later.push(understood.then((known) => this.judge(one, placed, known, position)));
        }
      }
    }
    return later.length === 0 ? outcomes : [...outcomes, ...(await Promise.all(later))];
  }

  private async judge<V>(
    one: Wanted<V>,
    { shard, storeKey }: PlacedKey,
    understood: Understood<V>,
    position: number,
  ): Promise<readonly [Wanted<V>, Outcome]> {
    if ('copy' in understood) {
      this.settle(one, understood.copy, position);
      return [one, 'found'];
    }
    one.reason = understood.miss;
    if (understood.miss === 'expired' && (await this.parts.leases.isRefreshing(shard, storeKey))) return [one, 'held'];
    await shard.remove(storeKey, understood.item.revision);
    return [one, 'removed']; // worthless for good; one process wins the next round
  }

  private settle<V>(one: Wanted<V>, copy: NearCopy<V>, position: number): void {
    one.found = true;
    if (channels.hit.hasSubscribers) this.lookUps.hit(one.key, copy, this.parts.store?.name ?? 'store');
    this.near.keep(one.key, copy, one.policy, position);
    one.resolve({ copy, keptForRequest: true, refreshDue: this.parts.clock.now() >= copy.servedUntil });
  }
}
