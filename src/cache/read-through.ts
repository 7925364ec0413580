import type { AskedItem, FillLease } from '../tier/fill-lease.js';
import type { NearCopy } from '../tier/near-copy.js';
import { openEnvelope } from '../codec/envelope.js';
import type { Key } from '../key/key.js';
import type { StoredItem } from '../store/store.js';
import { freshnessAt } from '../value/entry.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { MissReason, TierName } from '../value/lookup.js';
import { channels } from '../value/events.js';
import { place } from './cache-parts.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import type { Flight, Landed } from './flight.js';
import type { Keeper } from './keeper.js';
import type { Loader, LoaderRunner } from './loader.js';
import type { NearTiers } from './near-tiers.js';
import { publishMiss } from './stored-entries.js';
import type { StoredEntries, UnderstoodAlone } from './stored-entries.js';

/** Waiting for somebody else's load: asked again after a time drawn from here, so that waiters don't come in step. */
const pollMinMs = 20;
const pollSpreadMs = 80;
/** Times an item may turn out worthless and be removed before this load goes ahead without the store. */
const maxRemovals = 5;
const noGenerations: ReadonlyMap<string, number> = new Map();

/** The way of one flight: read the store, or win the right to load, or wait for who has it. */
export class ReadThrough {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly keeper: Keeper,
    private readonly runner: LoaderRunner,
  ) {}

  /**
   * What the store holds, or a load under a lease. An unreachable store is skipped: one load per process, never an error.
   *
   * Most look-ups find the value, and need nothing but the item: they are answered from the store's own promise, in one step.
   */
  readOrLoad<V>(flight: Flight<Landed<V>>, key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<Landed<V>> {
    const placed = policy.shared ? place(this.parts, key) : undefined;
    if (!placed) {
      const reason = policy.shared && this.parts.store ? 'invalidated' : 'absent';
      return this.loadAlone(flight, key, loader, policy, reason);
    }
    const withoutStore = (error: unknown): Promise<Landed<V>> => {
      if (!(error instanceof StoreUnavailableError) || flight.loading) throw error;
      return this.loadAlone(flight, key, loader, policy, 'unavailable');
    };
    if (!this.parts.store?.capabilities.atomic || policy.requestOnly) {
      return this.withoutLease(flight, placed, loader, policy).catch(withoutStore);
    }
    if (placed.log.generation === undefined || policy.tags.length > 0 || policy.idleMs !== undefined) {
      return this.underLease(flight, placed, loader, policy).catch(withoutStore);
    }
    return this.parts.leases.ask(placed.shard, [placed.storeKey]).then((answer) => {
      const item = answer[0] as AskedItem;
      const holds = !item.won && item.bytes.length > 0;
      const understood = holds ? this.entries.understandAlone(placed, item, policy) : undefined;
      if (understood && 'copy' in understood) return this.landed(placed, understood.copy, policy, flight.position);
      return this.underLease(flight, placed, loader, policy, { item, understood }).catch(withoutStore);
    }, withoutStore);
  }

  /**
   * The entry of a store that needs no waiting: there is nothing to join and nothing to lease. A disk hit of 1 KB takes two thirds of
   * the time of one that goes by a flight.
   */
  foundNow<V>(key: Key, policy: EntryPolicy<V>): Landed<V> | undefined {
    if (!this.parts.store || !policy.shared || policy.tags.length > 0 || policy.idleMs !== undefined) return undefined;
    const placed = place(this.parts, key);
    if (!placed?.shard.readNow || placed.log.generation === undefined) return undefined;
    const item = placed.shard.readNow(placed.storeKey);
    if (!item || item.bytes.length === 0) return undefined;
    const copy = this.entries.servableAlone(placed, item, policy);
    return copy && this.landed(placed, copy, policy, this.parts.fence.position);
  }

  private async loadAlone<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
    reason: MissReason,
  ): Promise<Landed<V>> {
    if (this.parts.loadPlaces) await this.parts.loadPlaces.enter(flight);
    publishMiss(this.parts, key.text, reason);
    return this.load(flight, key, loader, policy, undefined, undefined);
  }

  /** A load that skips all copies and takes the right to fill from whoever has it. */
  async force<V>(flight: Flight<Landed<V>>, key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<Landed<V>> {
    publishMiss(this.parts, key.text, 'forced');
    if (this.parts.loadPlaces) await this.parts.loadPlaces.enter(flight);
    const placed = policy.shared ? place(this.parts, key) : undefined;
    const lease = placed && (await this.seize(placed));
    return this.load(flight, key, loader, policy, placed, lease, { forced: true });
  }

  /**
   * Replaces an entry that is still served. Resolves with what is current afterwards, or with no copy when another process is at it.
   * @param stale what is served meanwhile.
   */
  async refresh<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    stale: NearCopy<V>,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
  ): Promise<Landed<V>> {
    if (this.parts.loadPlaces) await this.parts.loadPlaces.enter(flight);
    const placed = policy.shared ? place(this.parts, key) : undefined;
    if (!placed || !this.parts.store?.capabilities.atomic) {
      const lease = placed && this.parts.leases.unfenced(placed.shard, placed.storeKey);
      return this.load(flight, key, loader, policy, placed, lease, { stale });
    }
    let won: { item?: StoredItem; lease?: FillLease };
    try {
      won = await this.parts.leases.winRefresh(
        placed.shard,
        placed.storeKey,
        this.parts.store.capabilities.touch ? (item) => this.lifeLeftMs(placed, item) : undefined,
      );
      if (!won.item) return await this.underLease(flight, placed, loader, policy);
      const found = await this.entries.understand(
        placed,
        won.item,
        policy,
        await this.entries.generationsOf(policy.tags),
      );
      if ('copy' in found && found.copy.servedUntil > Math.max(this.parts.clock.now(), stale.servedUntil)) {
        await won.lease?.giveBack();
        this.near.keep(key, found.copy, policy, flight.position);
        return { copy: found.copy, keptForRequest: true };
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || flight.loading) throw error;
      return this.load(flight, key, loader, policy, undefined, undefined, { stale });
    }
    if (!won.lease) return { copy: undefined, keptForRequest: false };
    return this.load(flight, key, loader, policy, placed, won.lease, { stale });
  }

  /** @param first what the store has just answered, where it was asked already. */
  private async underLease<V>(
    flight: Flight<Landed<V>>,
    placed: PlacedKey,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
    first?: { readonly item: AskedItem; readonly understood: UnderstoodAlone<V> | undefined },
  ): Promise<Landed<V>> {
    if (placed.log.generation === undefined) await placed.log.ready();
    const generations = policy.tags.length === 0 ? undefined : this.entries.generationsOf(policy.tags);
    generations?.catch(() => {}); // awaited below; a rejection must not count as unhandled meanwhile
    let reason: MissReason = 'absent';
    let known = first;
    const { loadPlaces } = this.parts;
    for (let removals = 0; removals <= maxRemovals; known = undefined) {
      const item = known?.item ?? (await this.ask(placed));
      const found = this.parts.leases.outcome(placed.shard, placed.storeKey, item);
      if (found.state === 'won') {
        if (loadPlaces && !(await loadPlaces.enter(flight, [found.lease])))
          return this.readOrLoad(flight, placed.key, loader, policy);
        publishMiss(this.parts, placed.key.text, reason);
        return this.load(flight, placed.key, loader, policy, placed, found.lease);
      }
      if (found.state === 'held') {
        await this.pauseBetweenPolls(flight);
        continue;
      }
      const alone = known?.understood ?? this.entries.understandAlone(placed, item, policy);
      const present = generations ? await generations : noGenerations;
      const understood = await this.entries.understandFurther(placed, alone, policy, present);
      if ('copy' in understood) return this.landed(placed, understood.copy, policy, flight.position);
      if (understood.miss === 'expired' && (await this.parts.leases.isRefreshing(placed.shard, placed.storeKey))) {
        await this.pauseBetweenPolls(flight);
        continue;
      }
      // Worthless for good: whoever removes exactly this item lets one process win the next round.
      reason = understood.miss;
      removals++;
      await placed.shard.remove(placed.storeKey, item.revision);
    }
    throw new StoreUnavailableError(
      placed.shard.name,
      `${placed.key.text} was replaced by worthless items again and again`,
    );
  }

  private async ask({ shard, storeKey }: PlacedKey): Promise<AskedItem> {
    const [item] = await this.parts.leases.ask(shard, [storeKey]);
    return item as AskedItem;
  }

  private async pauseBetweenPolls(flight: Flight): Promise<void> {
    flight.turn?.leave();
    await this.parts.clock.sleep(pollMinMs + this.parts.random() * pollSpreadMs, flight.controller.signal);
    flight.controller.signal.throwIfAborted();
  }

  /**
   * Stores without atomic operations: read, load, write. A late fill can undo an invalidation there, and their flags say so. And loads that are
   * one request's alone: nothing is filled, and nobody has to wait.
   */
  private async withoutLease<V>(
    flight: Flight<Landed<V>>,
    placed: PlacedKey,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
  ): Promise<Landed<V>> {
    await placed.log.ready();
    const [item] = await placed.shard.readMany([placed.storeKey]);
    if (item && item.bytes.length > 0) {
      const understood = await this.entries.understand(
        placed,
        item,
        policy,
        await this.entries.generationsOf(policy.tags),
      );
      if ('copy' in understood) return this.landed(placed, understood.copy, policy, flight.position);
    }
    const { loadPlaces } = this.parts;
    if (loadPlaces && !(await loadPlaces.enter(flight))) return this.readOrLoad(flight, placed.key, loader, policy);
    publishMiss(this.parts, placed.key.text, 'absent');
    const lease = policy.requestOnly ? undefined : this.parts.leases.unfenced(placed.shard, placed.storeKey);
    return this.load(flight, placed.key, loader, policy, placed, lease);
  }

  private landed<V>(placed: PlacedKey, copy: NearCopy<V>, policy: EntryPolicy<V>, position: number): Landed<V> {
    if (channels.hit.hasSubscribers) {
      const freshness = freshnessAt(copy, this.parts.clock.now()) ?? 'stale';
      channels.hit.publish({ cache: this.parts.name, key: placed.key.text, tier: this.storeTier, freshness });
    }
    this.near.keep(placed.key, copy, policy, position);
    return { copy, keptForRequest: true, refreshDue: this.parts.clock.now() >= copy.servedUntil };
  }

  private get storeTier(): TierName {
    return this.parts.store?.name ?? 'store';
  }

  private async load<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
    placed: PlacedKey | undefined,
    lease: FillLease | undefined,
    { stale, forced = false }: { stale?: NearCopy<V>; forced?: boolean } = {},
  ): Promise<Landed<V>> {
    const start = await this.keeper.begin(placed, lease, policy.tags, forced);
    flight.loading = true;
    return this.runner.run(flight, key, loader, start, policy, stale && { value: stale.read() });
  }

  /** The right to fill, taken from whoever has it; `undefined` when the store can't be reached. */
  async seize(placed: PlacedKey): Promise<FillLease | undefined> {
    if (!this.parts.store?.capabilities.atomic) return this.parts.leases.unfenced(placed.shard, placed.storeKey);
    try {
      await placed.log.ready();
      return await this.parts.leases.seize(placed.shard, placed.storeKey, (item) => this.lifeLeftMs(placed, item));
    } catch (error) {
      if (error instanceof StoreUnavailableError) return undefined;
      throw error;
    }
  }

  private lifeLeftMs({ storeKey }: PlacedKey, item: StoredItem): number {
    try {
      return openEnvelope(storeKey, item.bytes).staleUntil - this.parts.clock.now();
    } catch {
      return 0; // undecodable: nothing worth keeping stands there
    }
  }
}
