import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries, Understood } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { giveBackAll } from '../origin/fill-lease.js';
import type { FillLeases, LeaseOrItem } from '../origin/fill-lease.js';
import { byShard } from '../store/placement.js';
import type { Shard, StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { NearHits } from './near-hits.js';
import type { Asked, Wanted } from './wanted.js';

/** What became of one key: found, ours to load, somebody else's to load, or a worthless item that was removed. */
type Outcome = 'found' | 'mine' | 'others' | 'removed';

/** Times worthless items are removed and asked for again at once; then the key is loaded without the store. */
const maxRemovals = 5;

/** Asks the store for one or many keys with the intent to load what is missing: one round trip per shard. */
export class LeasedReads {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly hits: NearHits,
    private readonly entries: StoredEntries,
    private readonly notes: TagNotes,
    private readonly leases: FillLeases,
    private readonly clock: CacheClock,
  ) {}

  /** What is found is landed at once; what can't be asked for is to be loaded without a lease. */
  async ask<V>(wanted: readonly Wanted<V>[]): Promise<Asked<V>> {
    const mine = wanted.filter(({ placed }) => placed === undefined);
    const others: Wanted<V>[] = [];
    let left = wanted.filter(({ placed }) => placed !== undefined);
    for (let removals = 0; left.length > 0; removals++) {
      const again: Wanted<V>[] = [];
      const groups = byShard(left, (one) => (one.placed as Placed).shard);
      await Promise.all(
        [...groups].map(async ([shard, group]) => {
          const outcomes = await this.outcomesOn(shard, group);
          for (const [index, one] of group.entries()) {
            const outcome = outcomes[index];
            if (outcome === 'mine') mine.push(one);
            else if (outcome === 'others') others.push(one);
            else if (outcome === 'removed') again.push(one);
          }
        }),
      );
      left = again;
      if (removals < maxRemovals) continue;
      mine.push(...left);
      break;
    }
    return { mine, others };
  }

  /** An unreachable shard is no reason to fail: its keys are loaded without it. */
  private async outcomesOn<V>(shard: Shard, group: readonly Wanted<V>[]): Promise<Outcome[]> {
    try {
      return await this.askShard(shard, group);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return group.map((one) => {
        if (one.landed) return 'found';
        one.reason = 'unavailable';
        return 'mine';
      });
    }
  }

  private async askShard<V>(shard: Shard, group: readonly Wanted<V>[]): Promise<Outcome[]> {
    const { feed } = group[0]?.placed as Placed;
    if (feed.versions.generation === undefined) await feed.ready();
    const [first] = group;
    // What was answered before was asked for before: what was named since is not in it.
    const mark = (first?.answer && first.askedAt) ?? this.coherence.names.position;
    const [found, generations] = await this.read(shard, group);
    const outcomes: Outcome[] = [];
    const later: Promise<void>[] = [];
    for (const [index, one] of group.entries()) {
      const here = found[index];
      if (here?.state === 'won') one.lease = here.lease;
      const outcome =
        here?.state === 'item' ? this.judge(one, here.item, generations, mark) : this.outcomeOf(one, here);
      if (typeof outcome === 'string') outcomes[index] = outcome;
      else later.push(outcome.then((known) => void (outcomes[index] = known)));
    }
    try {
      await Promise.all(later);
      return outcomes;
    } catch (error) {
      await giveBack(group);
      throw error;
    }
  }

  private outcomeOf<V>(one: Wanted<V>, here: LeaseOrItem | undefined): Outcome {
    if (here === undefined) return this.unleasedLoad(one);
    return here.state === 'held' ? 'others' : 'mine';
  }

  /** Items, rights and generations in one round trip. What was won is given back if the generations can't be had. */
  private async read<V>(
    shard: Shard,
    group: readonly Wanted<V>[],
  ): Promise<[(LeaseOrItem | undefined)[], ReadonlyMap<string, number>]> {
    const [first] = group;
    if (group.length === 1 && first?.answer) {
      const { storeKey } = first.placed as Placed;
      const outcome = this.leases.outcome(shard, storeKey, first.answer);
      first.answer = undefined;
      return [[outcome], none];
    }
    const storeKeys = group.map(({ placed }) => (placed as Placed).storeKey);
    const tags = [...new Set(group.flatMap(({ policy }) => policy.tags))];
    const generations = this.notes.read(tags);
    const leased = shard.invalidate
      ? this.readOrWin(shard, group, storeKeys)
      : shard.readMany(storeKeys).then((items) => items.map((item) => this.itemOf(item)));
    const [asked, known] = await Promise.allSettled([leased, generations]);
    if (asked.status === 'rejected') throw asked.reason;
    if (known.status === 'fulfilled') return [asked.value, known.value];
    const won = asked.value.flatMap((one) => (one?.state === 'won' ? [one.lease] : []));
    await giveBackAll(won);
    throw known.reason;
  }

  /** Loads that are one request's alone fill nothing, and win nothing. */
  private async readOrWin<V>(
    shard: Shard,
    group: readonly Wanted<V>[],
    storeKeys: readonly string[],
  ): Promise<(LeaseOrItem | undefined)[]> {
    if (!group.some(({ policy }) => policy.requestOnly)) return this.leases.readOrWin(shard, storeKeys);
    const own = storeKeys.filter((_, index) => group[index]?.policy.requestOnly === true);
    const shared = storeKeys.filter((_, index) => group[index]?.policy.requestOnly !== true);
    const [items, won] = await Promise.all([
      shard.readMany(own),
      shared.length > 0 ? this.leases.readOrWin(shard, shared) : [],
    ]);
    const ofOwn = items[Symbol.iterator]();
    const ofShared = won[Symbol.iterator]();
    return group.map(({ policy }) => {
      if (!policy.requestOnly) return ofShared.next().value;
      return this.itemOf(ofOwn.next().value);
    });
  }

  /** Stores without atomic operations: read, load, write. A late fill can undo an invalidation there, and their flags say so. */
  private unleasedLoad<V>(one: Wanted<V>): 'mine' {
    const { shard, storeKey } = one.placed as Placed;
    if (!one.policy.requestOnly) one.lease = this.leases.unfenced(shard, storeKey);
    return 'mine';
  }

  private itemOf(item: StoredItem | undefined): LeaseOrItem | undefined {
    return item && item.bytes.length > 0 ? { state: 'item', item } : undefined;
  }

  private judge<V>(
    one: Wanted<V>,
    item: StoredItem,
    generations: ReadonlyMap<string, number>,
    mark: number,
  ): Outcome | Promise<Outcome> {
    const placed = one.placed as Placed;
    const understood = this.entries.understand(placed, item, one.policy, generations, mark);
    // Most need nothing but their item, and no promise is made for them.
    if ('copy' in understood && one.policy.idleMs === undefined) return this.land(one, understood.copy);
    return this.judgeFurther(one, item, understood);
  }

  private async judgeFurther<V>(
    one: Wanted<V>,
    item: StoredItem,
    understanding: Understood<V> | Promise<Understood<V>>,
  ): Promise<Outcome> {
    const understood = await understanding;
    const { shard, storeKey } = one.placed as Placed;
    if ('copy' in understood) {
      if (one.policy.idleMs !== undefined) await this.extend(one, understood.copy.staleUntil);
      return this.land(one, understood.copy);
    }
    one.reason = understood.miss;
    if (!shard.invalidate || one.policy.requestOnly) return this.unleasedLoad(one);
    if (understood.miss === 'expired' && (await this.leases.isRefreshing(shard, storeKey))) return 'others';
    // Worthless for good: whoever removes exactly this item lets one process win the next round.
    await shard.remove(storeKey, item.revision);
    return 'removed';
  }

  /** A use of an entry whose life slides. Not beyond its maximum age, which stands in the entry. */
  private async extend<V>({ placed, policy }: Wanted<V>, staleUntil: number): Promise<void> {
    const { shard, storeKey } = placed as Placed;
    await shard.touch(storeKey, Math.min(policy.idleMs ?? Infinity, staleUntil - this.clock.now()));
  }

  private land<V>(one: Wanted<V>, copy: NearCopy<V>): 'found' {
    const now = this.clock.now();
    this.hits.tellStored(one.key, copy);
    this.near.keep(one.key, copy, one.policy);
    one.land({ copy, keptForRequest: true, refreshDue: now >= copy.servedUntil });
    return 'found';
  }
}

async function giveBack<V>(wanted: readonly Wanted<V>[]): Promise<void> {
  await giveBackAll(wanted.map(({ lease }) => lease));
  for (const one of wanted) one.lease = undefined;
}

const none: ReadonlyMap<string, number> = new Map();
