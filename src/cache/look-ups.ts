import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import { inRounds } from '../load/asked-in-rounds.js';
import { loadUnderWay } from '../load/flight.js';
import type { NearHits } from '../load/near-hits.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { Read } from '../near/request-scope.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { byShard } from '../store/placement.js';
import type { Shard, StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError, UndecodableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import { Miss } from '../value/lookup.js';
import type { Lookup, MissReason } from '../value/lookup.js';
import { unlessAway } from '../value/unless-away.js';

/** A key, and what its caller is told. */
interface Asked<V> {
  readonly key: Key;
  readonly policy: EntryPolicy<V>;
  found: Lookup<V> | undefined;
}

/** What the store is asked for. */
interface Below<V> {
  readonly one: Asked<V>;
  readonly placed: Placed;
}

/** Looks keys up, nearest tier first, and copies what it finds into the nearer ones. Never loads. */
export class LookUps {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly hits: NearHits,
    private readonly entries: StoredEntries,
    private readonly notes: TagNotes,
    private readonly clock: CacheClock,
  ) {}

  /**
   * One look-up per key, in their order; the store is asked once per shard for all that is not near.
   * @throws StoreUnavailableError with `confirm`, where a part of the store can't be reached.
   */
  async many<V>(keys: readonly Key[], policyOf: (key: Key) => EntryPolicy<V>, confirm = false): Promise<Lookup<V>[]> {
    const { rounds, asked } = inRounds(keys, policyOf, (key, policy): Asked<V> => ({ key, policy, found: undefined }));
    for (const round of rounds) {
      const missing = [...round.values()].filter((one) => !this.foundNear(one));
      const mayFind = missing.length > 0 && (await this.hits.prepare(missing));
      const below: Below<V>[] = [];
      for (const one of missing) {
        if (mayFind && this.foundNear(one)) continue;
        const placed = this.inStore(one.key, one.policy);
        if (typeof placed === 'string') one.found = this.miss(one.key, placed);
        else below.push({ one, placed });
      }
      if (below.length > 0) await this.askStore(below, confirm);
    }
    return asked.map(({ found }) => found as Lookup<V>);
  }

  /** Whether `many` would find it. Not a use of it: nothing is copied nearer, and no event tells of it. */
  async has(key: Key, policy: EntryPolicy): Promise<boolean> {
    const near = (await this.hits.prepare([{ key }])) ? this.hits.find(key, policy, false) : undefined;
    const read = near?.copy ?? (await this.readInStore(key, policy));
    if (read) this.hits.builtOn(key, read);
    return read !== undefined;
  }

  /** Whether a near copy answers. Its value is taken at once: while something is waited for, the process may drop the copy. */
  private foundNear<V>(one: Asked<V>): boolean {
    const near = this.hits.find<V>(one.key, one.policy);
    if (near) one.found = this.hits.hit(one.key, near.copy, near.tier);
    return near !== undefined;
  }

  private async readInStore(key: Key, policy: EntryPolicy): Promise<Read | undefined> {
    const placed = this.inStore(key, policy);
    if (typeof placed === 'string') return undefined;
    try {
      await placed.feed.ready();
      const mark = this.coherence.positionAt(placed);
      const [item] = await placed.shard.readMany([placed.storeKey]);
      if (!item || item.bytes.length === 0) return undefined;
      const { envelope, verdict } = await this.entries.explain(placed, item, policy.serving);
      const { tags, freshUntil } = envelope;
      if (verdict === 'fresh') return { mark, tags, freshUntil };
      return verdict === 'stale' && !loadUnderWay() ? { mark, tags, freshUntil: this.clock.now() } : undefined;
    } catch (error) {
      if (error instanceof StoreUnavailableError || error instanceof UndecodableError) return undefined;
      throw error;
    }
  }

  private async askStore<V>(below: readonly Below<V>[], confirm: boolean): Promise<void> {
    const groups = byShard(below, ({ placed }) => placed.shard);
    await Promise.all([...groups].map(([shard, ofShard]) => this.ofShard(shard, ofShard, confirm)));
  }

  private async ofShard<V>(shard: Shard, below: readonly Below<V>[], confirm: boolean): Promise<void> {
    try {
      await this.coherence.feedOf(shard).ready();
      const marks = below.map(({ placed }) => this.coherence.positionAt(placed));
      const tags = [...new Set(below.flatMap(({ one }) => one.policy.tags))];
      const [items, generations] = await Promise.all([
        shard.readMany(below.map(({ placed }) => placed.storeKey)),
        unlessAway(() => this.notes.read(tags)),
      ]);
      // One tag that can't be read says nothing of the other entries: each asks for its own.
      const known = generations ?? new Map<string, number>();
      const telling = below.map(async (asked, index) => {
        const told = this.told(asked, items[index], known, marks[index] as number);
        asked.one.found = await (confirm ? told : told.catch((error: unknown) => this.unavailable(asked.one, error)));
      });
      await Promise.all(telling);
    } catch (error) {
      if (confirm) throw error;
      for (const { one } of below) one.found = this.unavailable(one, error);
    }
  }

  private async told<V>(
    { one: { policy }, placed }: Below<V>,
    item: StoredItem | undefined,
    generations: ReadonlyMap<string, number>,
    mark: number,
  ): Promise<Lookup<V>> {
    const { key, shard, storeKey } = placed;
    if (!item || item.bytes.length === 0) return this.miss(key, 'absent');
    const understood = await this.entries.understand(placed, item, policy, generations, mark);
    if ('miss' in understood) return this.miss(key, understood.miss);
    const { copy } = understood;
    // Only what is fresh is served to a loader.
    const now = this.clock.now();
    if (now >= copy.freshUntil && loadUnderWay()) return this.miss(key, 'expired');
    // The maximum age stands in the entry: what is left of it would be a shorter life, see `keptMs`.
    const { idleMs } = policy;
    if (idleMs !== undefined) await unlessAway(() => shard.touch(storeKey, idleMs));
    if (this.near.keep(key, copy, policy)) this.near.keepForRequest(key, copy);
    else if (!loadUnderWay()) this.near.noteForRequest(key, copy);
    return this.hits.hit<V>(key, copy, this.coherence.store?.name ?? 'store');
  }

  /** @throws the error, unless it is an outage. */
  private unavailable<V>({ key }: Asked<V>, error: unknown): Miss {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return this.miss(key, 'unavailable');
  }

  /** Where the store has it, or why it is not asked. */
  private inStore<V>(key: Key, policy: EntryPolicy<V>): Placed | MissReason {
    if (this.near.scope.current()?.forced === true) return 'forced';
    const placed = policy.shared ? this.coherence.place(key) : undefined;
    if (!placed) return 'absent';
    return this.coherence.outbox.has(placed.name) ? 'invalidated' : placed;
  }

  private miss(key: Key, reason: MissReason): Miss {
    if (channels.miss.hasSubscribers) channels.miss.publish({ cache: this.cache, key: key.text, reason });
    return new Miss(key.text, reason);
  }
}
