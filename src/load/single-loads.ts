import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { ScopeState } from '../near/request-scope.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { CacheClock } from '../value/cache-clock.js';
import type { FailedLoads } from './failed-loads.js';
import { isInLoader } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import type { LoadCall } from './load-call.js';
import type { Loader } from './loader.js';
import type { NearHits } from './near-hits.js';
import type { SingleFills } from './single-fills.js';
import { SingleRead } from './single-read.js';

/** Look-ups of one key: what is near, what the store holds, or a load. */
export class SingleLoads {
  constructor(
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
    const scope = this.near.scope.current();
    return this.ask(key, loader, policy, scope) ?? this.find({ key, loader, policy, askedIn: scope?.held });
  }

  /**
   * The short way: nothing is near, and the item alone will nearly always tell all. One object asks, waits and answers; whoever asks meanwhile waits
   * for the same.
   */
  private ask<V>(
    key: Key,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
    scope: ScopeState | undefined,
  ): Promise<V | undefined> | undefined {
    if (!policy.isPlain || isInLoader()) return undefined;
    if (scope !== undefined && (scope.forced || this.near.ofRequest(scope).get(key.id) !== undefined)) return undefined;
    if (this.near.process?.peek(key.id) !== undefined) return undefined;
    const slot = this.flights.slotOf(key, policy);
    const present = this.flights.at(slot);
    if (present !== undefined) {
      const joins = present instanceof SingleRead && scope === undefined && this.mayJoin(present, policy);
      if (!joins) return undefined;
      this.flights.tellJoined(key);
      return (present as SingleRead<V>).promise;
    }
    if (this.failed.size > 0) return undefined;
    const placed = this.coherence.placeToRead(key, policy);
    if (!placed?.shard.invalidate) return undefined;
    const now = this.clock.now();
    if (!placed.feed.isReady(placed.space, now)) return undefined;
    const { position } = this.coherence.names;
    const askedIn = scope?.held;
    if (placed.shard.readNow) {
      const landed = this.foundNow(placed, policy, position, now);
      if (landed !== undefined) return Promise.resolve(this.answer({ key, loader, policy, askedIn }, position, landed));
    }
    const read = new SingleRead<V>(this.entries, placed, slot, loader, policy, position, now, this.arrived);
    read.askedIn = askedIn;
    this.flights.enter(read);
    placed.shard.readInto?.([read]);
    return read.promise;
  }

  /** Whether what it brings is what this caller would ask for now, as every caller of it may have it. */
  private mayJoin<V>(present: SingleRead, policy: EntryPolicy<V>): boolean {
    return (
      present.policy === (policy as EntryPolicy) &&
      policy.serving.isolation !== 'clone' &&
      !this.coherence.names.anyNamedSince(present.position) &&
      this.clock.now() < (present.placed?.feed.trust.until ?? 0)
    );
  }

  private readonly arrived = <V>(read: SingleRead<V>): V | undefined | Promise<V | undefined> => {
    const { copy, position } = read;
    if (copy === undefined) return this.load(read);
    this.flights.leave(read);
    const landed = this.hits.stored(read.key, copy, read.policy, read.isDue);
    read.land(landed);
    return this.answer(read, position, landed);
  };

  /** It becomes a flight, with what the store has answered. */
  private load<V>(read: SingleRead<V>): Promise<V | undefined> {
    const { flight, land } = this.flights.promote(read);
    land(this.fills.goOn(flight, read));
    const landing = this.flights.wait(flight, read.policy);
    flight.awaited();
    return landing.then((landed) => this.answer(read, read.position, landed));
  }

  /** The long way: what is near first, then what a store holds that needs no waiting, then a flight. */
  private async find<V>(asked: LoadCall<V>): Promise<V | undefined> {
    const { hits, near, clock, flights } = this;
    const { key, policy } = asked;
    policy.signal?.throwIfAborted();
    const { position } = this.coherence.names;
    let found = hits.find<V>(key, policy);
    const call = found ? asked : timed(asked, clock);
    if (!found && hits.needsReading(key)) {
      found = await flights.inTime([call], key, () => hits.recall<V>(key, policy));
    }
    if (found) {
      const { value } = hits.hit(key, found.copy, found.tier);
      if (found.tier === 'request' || clock.now() < found.copy.servedUntil) return value;
      return hits.taken(call, position, await flights.serveStale(call, found.copy));
    }
    const forced = near.scope.current()?.forced ?? false;
    const placed = forced || !policy.needsItemAlone ? undefined : this.coherence.placeToRead(key, policy);
    const landed = placed && this.foundNow(placed, policy, this.coherence.names.position, clock.now());
    return this.answer(call, position, landed ?? (await flights.join(call, forced)));
  }

  /**
   * The entry of a store that needs no waiting: there is nothing to join and nothing to lease. A disk hit of 1 KB takes two thirds of
   * the time of one that goes by a flight.
   */
  private foundNow<V>(placed: Placed, policy: EntryPolicy<V>, position: number, now: number): Landed<V> | undefined {
    if (!placed.shard.readNow || !placed.feed.isReady(placed.space, now)) return undefined;
    const seen = placed.shard.readNow(placed.storeKey);
    if (!seen || seen.end === seen.start) return undefined;
    const copy = this.entries.servableAlone(placed, seen, policy, position, now);
    return copy && this.hits.stored(placed.key, copy, policy, now >= copy.servedUntil);
  }

  private answer<V>(call: LoadCall<V>, position: number, landed: Landed<V>): V | undefined | Promise<V | undefined> {
    const due = this.hits.due(landed);
    if (!due) return this.hits.taken(call, position, landed);
    return this.flights.serveStale(call, due).then((served) => this.hits.taken(call, position, served));
  }
}

/** What is read before a load is taken from the caller's time. */
function timed<V>(call: LoadCall<V>, clock: CacheClock): LoadCall<V> {
  const { softMs, hardMs, maxLoadMs } = call.policy;
  if (softMs === 0 && hardMs >= maxLoadMs) return call;
  const calledAt = clock.monotonic();
  return { ...call, calledAt, askedAt: hardMs < maxLoadMs ? calledAt : undefined };
}
