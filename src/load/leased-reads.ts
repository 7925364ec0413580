import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { NearCopy } from '../near/near-copy.js';
import type { StoredEntries, Understood } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { giveBackAll } from '../origin/fill-lease.js';
import type { FillLeases } from '../origin/fill-lease.js';
import { byShard } from '../store/placement.js';
import type { Shard, StoredItem } from '../store/store.js';
import { allSettled } from '../value/all-settled.js';
import type { CacheClock } from '../value/cache-clock.js';
import { unlessAway } from '../value/unless-away.js';
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
    for (let removals = 0; left.length > 0 && removals <= maxRemovals; removals++) {
      const again: Wanted<V>[] = [];
      const of = { mine, others, removed: again, found: undefined };
      const groups = byShard(left, (one) => (one.placed as Placed).shard);
      await allSettled(
        [...groups].map(async ([shard, group]) => {
          const outcomes = await this.outcomesOn(shard, group);
          for (const [index, one] of group.entries()) of[outcomes[index] as Outcome]?.push(one);
        }),
      );
      left = again;
    }
    mine.push(...left);
    return { mine, others };
  }

  /** An unreachable shard is no reason to fail: its keys are loaded without it. */
  private async outcomesOn<V>(shard: Shard, group: readonly Wanted<V>[]): Promise<Outcome[]> {
    const outcomes = await unlessAway(() => this.askShard(shard, group));
    if (outcomes) return outcomes;
    return group.map((one) => (one.landed ? 'found' : loadedAlone(one)));
  }

  private async askShard<V>(shard: Shard, group: readonly Wanted<V>[]): Promise<Outcome[]> {
    const { feed, space } = (group[0] as Wanted<V>).placed as Placed;
    if (!feed.isReady(space, this.clock.now())) await feed.ready();
    try {
      const generations = await this.read(shard, group);
      const outcomes: Outcome[] = [];
      const later: Promise<void>[] = [];
      for (const [index, one] of group.entries()) {
        const outcome = this.judge(one, generations);
        if (typeof outcome === 'string') outcomes[index] = outcome;
        else later.push(outcome.then((known) => void (outcomes[index] = known)));
      }
      if (later.length > 0) await Promise.all(later);
      return outcomes;
    } catch (error) {
      await giveBackAll(group.map(({ lease }) => lease));
      for (const one of group) one.lease = undefined;
      throw error;
    }
  }

  /**
   * Items, rights and generations in one round trip. What a single read has brought is not asked for again, and has no tags.
   * @returns the generations of those tags that can be read.
   */
  private async read<V>(shard: Shard, group: readonly Wanted<V>[]): Promise<ReadonlyMap<string, number>> {
    const asked = group.filter(({ item }) => item === undefined);
    for (const one of asked) one.askedPosition = this.coherence.positionAt(one.placed as Placed);
    const tags = [...new Set(asked.flatMap(({ policy }) => policy.tags))];
    const generations = unlessAway(() => this.notes.read(tags));
    const [answered, known] = await Promise.allSettled([this.answers(shard, asked), generations]);
    for (const one of group) {
      if (one.item?.won === true) one.lease = this.leases.won(shard, one.storeKey, one.item.revision);
    }
    if (answered.status === 'rejected') throw answered.reason;
    if (known.status === 'rejected') throw known.reason;
    if (known.value) return known.value;
    // One key needs all of its tags.
    return asked.length === 1 ? none : this.notes.readEach(tags);
  }

  /** Loads that are one request's alone fill nothing, and win nothing. Nor does anybody on a store without atomic operations. */
  private async answers<V>(shard: Shard, asked: readonly Wanted<V>[]): Promise<void> {
    const own = shard.invalidate ? asked.filter(({ policy }) => policy.requestOnly) : asked;
    const shared = shard.invalidate ? asked.filter(({ policy }) => !policy.requestOnly) : [];
    const asking: Promise<void>[] = [];
    if (shared.length > 0) asking.push(answersInto(shard, shared));
    if (own.length > 0) asking.push(this.readAlone(shard, own));
    await allSettled(asking);
  }

  private async readAlone<V>(shard: Shard, own: readonly Wanted<V>[]): Promise<void> {
    const items = await shard.readMany(own.map(({ storeKey }) => storeKey));
    for (const [index, one] of own.entries()) {
      const item = items[index];
      one.item = item && { ...item, won: false };
    }
  }

  /** Stores without atomic operations: read, load, write. A late fill can undo an invalidation there, and their flags say so. */
  private unleasedLoad<V>(one: Wanted<V>): 'mine' {
    const { shard, storeKey } = one.placed as Placed;
    if (!one.policy.requestOnly) one.lease = this.leases.unfenced(shard, storeKey);
    return 'mine';
  }

  /** Most need nothing but their item, and no promise is made for them. */
  private judge<V>(one: Wanted<V>, generations: ReadonlyMap<string, number>): Outcome | Promise<Outcome> {
    const { item, copy, policy } = one;
    const placed = one.placed as Placed;
    one.item = undefined;
    if (copy) return this.land(one, copy, one.isDue);
    if (policy.tags.some((tag) => !generations.has(tag))) return this.withoutStore(one);
    if (one.lease) return 'mine';
    if (!item || item.bytes.length === 0)
      return placed.shard.invalidate && !policy.requestOnly ? 'others' : this.unleasedLoad(one);
    const understood = this.entries.understand(placed, item, policy, generations, one.askedPosition);
    if ('copy' in understood && policy.idleMs === undefined) return this.land(one, understood.copy);
    return unlessAway(() => this.judgeFurther(one, item, understood)).then((known) => known ?? this.withoutStore(one));
  }

  /** A tag that can't be read says nothing of the other keys: this one alone is loaded without a lease. */
  private async withoutStore<V>(one: Wanted<V>): Promise<'mine'> {
    await giveBackAll([one.lease]);
    one.lease = undefined;
    return loadedAlone(one);
  }

  private async judgeFurther<V>(
    one: Wanted<V>,
    item: StoredItem,
    understanding: Understood<V> | Promise<Understood<V>>,
  ): Promise<Outcome> {
    const understood = await understanding;
    const { shard, storeKey } = one.placed as Placed;
    const { idleMs } = one.policy;
    if ('copy' in understood) {
      // A use. The maximum age stands in the entry: what is left of it would be a shorter life, see `keptMs`.
      if (idleMs !== undefined) await unlessAway(() => shard.touch(storeKey, idleMs));
      return this.land(one, understood.copy);
    }
    one.reason = understood.miss;
    if (!shard.invalidate || one.policy.requestOnly) return this.unleasedLoad(one);
    if (understood.miss === 'expired' && (await this.leases.isRefreshing(shard, storeKey))) return 'others';
    // Worthless for good: whoever removes exactly this item lets one process win the next round.
    await shard.remove(storeKey, item.revision);
    return 'removed';
  }

  private land<V>(one: Wanted<V>, copy: NearCopy<V>, isDue = this.clock.now() >= copy.servedUntil): 'found' {
    one.land(this.hits.stored(one.key, copy, one.policy, isDue));
    return 'found';
  }
}

function loadedAlone<V>(one: Wanted<V>): 'mine' {
  one.placed = undefined;
  one.reason = 'unavailable';
  return 'mine';
}

const none: ReadonlyMap<string, number> = new Map();

/** One command per key, each answered into what wants it: one promise for all. @throws why the first that failed was refused. */
function answersInto<V>(shard: Shard, wanted: readonly Wanted<V>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = wanted.length;
    let failed: Wanted<V> | undefined;
    const onAnswered = (): void => {
      if (--left > 0) return;
      for (const one of wanted) if (one.error !== undefined) failed ??= one;
      if (failed) reject(failed.error);
      else resolve();
    };
    for (const one of wanted) {
      one.error = undefined;
      one.onAnswered = onAnswered;
    }
    shard.readInto?.(wanted);
  });
}
