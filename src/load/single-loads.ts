import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { ItemView } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { FailedLoads } from './failed-loads.js';
import { isInLoader, loadUnderWay } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import { ItemRead } from './item-read.js';
import type { ReadOwner } from './item-read.js';
import type { Loader } from './loader.js';
import type { NearHits } from './near-hits.js';
import type { SingleReads } from './single-reads.js';

/** Look-ups of one key: what is near, what the store holds, or a load. */
export class SingleLoads implements ReadOwner {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly hits: NearHits,
    private readonly entries: StoredEntries,
    private readonly reads: SingleReads,
    private readonly flights: Flights,
    private readonly failed: FailedLoads,
    private readonly clock: CacheClock,
  ) {}

  /** @throws what the loader throws; LoadTimeoutError, RecursiveLoadError, the signal's reason. */
  get<V>(key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<V | undefined> {
    return this.ask(key, loader, policy) ?? this.find(key, loader, policy);
  }

  /**
   * The short way: nothing is near, and the item alone will nearly always tell all. One object asks, waits and answers; whoever asks meanwhile waits
   * for the same.
   */
  private ask<V>(key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<V | undefined> | undefined {
    if (!policy.isPlain || isInLoader()) return undefined;
    const scope = this.near.scope.current();
    if (scope !== undefined && (scope.forced || this.near.ofRequest(scope).get(key.id) !== undefined)) return undefined;
    if (this.near.process?.peek(key.id) !== undefined) return undefined;
    const slot = this.flights.slotOf(key, policy);
    const present = this.flights.at(slot);
    if (present !== undefined) {
      const joins = present instanceof ItemRead && scope === undefined && this.mayJoin(present, policy);
      return joins ? this.joined(present as ItemRead<V>, key) : undefined;
    }
    if (this.failed.size > 0 || this.flights.isRefreshing(slot)) return undefined;
    const placed = this.coherence.placeToRead(key, policy);
    if (!placed?.shard.invalidate || placed.feed.versions.generationOf(placed.space) === undefined) return undefined;
    const { position } = this.coherence.names;
    if (placed.shard.readNow) {
      const landed = this.reads.foundIn(placed, policy, position);
      if (landed !== undefined && landed.refreshDue !== true)
        return Promise.resolve(this.hits.taken(key, position, landed));
    }
    const beganAt = this.clock.coarseNow();
    const read = new ItemRead<V>(this, placed, slot, loader, policy, position, beganAt, scope);
    this.flights.enter(read);
    placed.shard.readInto?.(read);
    return read.promise;
  }

  /** Whether what it brings is what this caller would ask for now, as every caller of it may have it. */
  private mayJoin<V>(present: ItemRead, policy: EntryPolicy<V>): boolean {
    return (
      present.policy === (policy as EntryPolicy) &&
      policy.serving.isolation !== 'clone' &&
      present.position === this.coherence.names.position &&
      this.clock.coarseNow() < present.placed.feed.trust.until
    );
  }

  private joined<V>(present: ItemRead<V>, key: Key): Promise<V | undefined> {
    if (channels.loadJoined.hasSubscribers) channels.loadJoined.publish({ cache: this.cache, key: key.text });
    return present.promise;
  }

  /** @internal */
  found<V>(read: ItemRead<V>, seen: ItemView): NearCopy<V> | undefined {
    const { placed, policy, position } = read;
    const now = this.clock.now();
    const copy = this.entries.servableAlone(placed, seen, policy, position, now);
    if (copy === undefined || now >= copy.servedUntil) return undefined;
    this.near.keep(placed.key, copy, policy);
    this.flights.leave(read);
    if (read.landing !== undefined || read.scope !== undefined || channels.hit.hasSubscribers) read.copy = copy;
    return copy;
  }

  /** @internal */
  readonly arrived = (found: unknown): unknown => (found instanceof ItemRead ? this.goOn(found) : found);

  private goOn<V>(read: ItemRead<V>): V | undefined | Promise<V | undefined> {
    const { placed, copy, position } = read;
    if (copy === undefined) return this.load(read);
    this.reads.publishHit(placed.key, copy);
    const landed: Landed<V> = { copy, keptForRequest: true };
    read.landing?.land(landed);
    return this.hits.taken(placed.key, position, landed);
  }

  /** It becomes a flight, with what the store has answered. */
  private load<V>(read: ItemRead<V>): Promise<V | undefined> {
    const { placed, loader, policy, position, item, error } = read;
    const { key } = placed;
    const { flight, land } = this.flights.promote(read);
    if (item !== undefined) land(this.reads.fill(flight, key, placed, loader, policy, item));
    else if (error instanceof StoreUnavailableError)
      land(this.reads.fill(flight, key, undefined, loader, policy, undefined, 'unavailable'));
    else land(Promise.reject(error));
    const landing = this.flights.wait(flight, policy);
    flight.awaited();
    return landing.then((landed) => this.answer(key, position, landed, loader, policy));
  }

  /** The long way: what is near first, then a flight. */
  private async find<V>(key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<V | undefined> {
    const { hits, near, clock, flights } = this;
    policy.signal?.throwIfAborted();
    const { position } = this.coherence.names;
    const needsReading = loadUnderWay() === undefined ? near.isDoubtful(key.id) : near.holds(key.id);
    const found = hits.find<V>(key, policy) ?? (needsReading ? await hits.recall<V>(key, policy) : undefined);
    if (found) {
      const { value } = hits.hit(key, found.copy, found.tier);
      if (found.tier === 'request' || clock.now() < found.copy.servedUntil) return value;
      return hits.taken(key, position, await flights.serveStale(key, found.copy, loader, policy));
    }
    const forced = near.scope.current()?.forced ?? false;
    return this.answer(key, position, await flights.find(key, loader, policy, forced), loader, policy);
  }

  private answer<V>(
    key: Key,
    position: number,
    landed: Landed<V>,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
  ): V | undefined | Promise<V | undefined> {
    const { copy, unverified, refreshDue } = landed;
    if (!copy) return undefined;
    const isStaleInLoad = loadUnderWay() !== undefined && this.clock.now() >= copy.freshUntil && unverified !== true;
    if (!isStaleInLoad && refreshDue !== true) return this.hits.taken(key, position, landed);
    const served = isStaleInLoad
      ? this.flights.refreshed(key, copy, loader, policy)
      : this.flights.serveStale(key, copy, loader, policy);
    return served.then((now) => this.hits.taken(key, position, now));
  }
}
