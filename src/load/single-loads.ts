import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { ItemView } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { channels } from '../value/events.js';
import type { FailedLoads } from './failed-loads.js';
import { isInLoader, loadUnderWay } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import { ItemRead } from './item-read.js';
import type { ReadOwner } from './item-read.js';
import type { LoadCall } from './load-call.js';
import type { Loader } from './loader.js';
import type { NearHits } from './near-hits.js';
import type { SingleFills } from './single-fills.js';

/** Look-ups of one key: what is near, what the store holds, or a load. */
export class SingleLoads implements ReadOwner {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly hits: NearHits,
    private readonly entries: StoredEntries,
    private readonly fills: SingleFills,
    private readonly flights: Flights,
    private readonly failed: FailedLoads,
    private readonly clock: CacheClock,
  ) {}

  /** @throws what the loader throws; LoadTimeoutError, RecursiveLoadError, the signal's reason. */
  get<V>(key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<V | undefined> {
    return this.ask(key, loader, policy) ?? this.find({ key, loader, policy });
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
      const landed = this.foundNow(placed, policy, position);
      if (landed !== undefined && landed.refreshDue !== true)
        return Promise.resolve(this.hits.taken(key, position, landed));
    }
    const beganAt = this.clock.coarseNow();
    const read = new ItemRead<V>(this, placed, slot, loader, policy, position, beganAt, scope);
    this.flights.enter(read);
    placed.shard.readInto?.([read]);
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
    this.hits.tellStored(placed.key, copy);
    const landed: Landed<V> = { copy, keptForRequest: true };
    read.landing?.land(landed);
    return this.hits.taken(placed.key, position, landed);
  }

  /** It becomes a flight, with what the store has answered. */
  private load<V>(read: ItemRead<V>): Promise<V | undefined> {
    const { flight, land } = this.flights.promote(read);
    land(this.fills.goOn(flight, read));
    const landing = this.flights.wait(flight, read.policy);
    flight.awaited();
    return landing.then((landed) => this.answer(read, read.position, landed));
  }

  /** The long way: what is near first, then what a store holds that needs no waiting, then a flight. */
  private async find<V>(call: LoadCall<V>): Promise<V | undefined> {
    const { hits, near, clock, flights } = this;
    const { key, policy } = call;
    policy.signal?.throwIfAborted();
    const { position } = this.coherence.names;
    const needsReading = loadUnderWay() === undefined ? near.isDoubtful(key.id) : near.holds(key.id);
    const found = hits.find<V>(key, policy) ?? (needsReading ? await hits.recall<V>(key, policy) : undefined);
    if (found) {
      const { value } = hits.hit(key, found.copy, found.tier);
      if (found.tier === 'request' || clock.now() < found.copy.servedUntil) return value;
      return hits.taken(key, position, await flights.serveStale(call, found.copy));
    }
    const forced = near.scope.current()?.forced ?? false;
    const placed = forced || !needsItemAlone(policy) ? undefined : this.coherence.placeToRead(key, policy);
    const landed = placed && this.foundNow(placed, policy, this.coherence.names.position);
    return this.answer(call, position, landed ?? (await flights.join(call, forced)));
  }

  /**
   * The entry of a store that needs no waiting: there is nothing to join and nothing to lease. A disk hit of 1 KB takes two thirds of
   * the time of one that goes by a flight.
   */
  private foundNow<V>(placed: Placed, policy: EntryPolicy<V>, position: number): Landed<V> | undefined {
    if (!placed.shard.readNow || placed.feed.versions.generationOf(placed.space) === undefined) return undefined;
    const seen = placed.shard.readNow(placed.storeKey);
    if (!seen || seen.end === seen.start) return undefined;
    const now = this.clock.now();
    const copy = this.entries.servableAlone(placed, seen, policy, position, now);
    if (copy === undefined) return undefined;
    this.hits.tellStored(placed.key, copy);
    this.near.keep(placed.key, copy, policy);
    return { copy, keptForRequest: true, refreshDue: now >= copy.servedUntil };
  }

  private answer<V>(call: LoadCall<V>, position: number, landed: Landed<V>): V | undefined | Promise<V | undefined> {
    const { copy, unverified, refreshDue } = landed;
    if (!copy) return undefined;
    const isStaleInLoad = loadUnderWay() !== undefined && this.clock.now() >= copy.freshUntil && unverified !== true;
    if (!isStaleInLoad && refreshDue !== true) return this.hits.taken(call.key, position, landed);
    return this.flights.serveStale(call, copy).then((served) => this.hits.taken(call.key, position, served));
  }
}

/** Whether a look-up needs nothing but the stored item to be answered. */
function needsItemAlone<V>({ tags, idleMs, requestOnly }: EntryPolicy<V>): boolean {
  return tags.length === 0 && idleMs === undefined && !requestOnly;
}
