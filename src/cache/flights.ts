import type { Key } from '../key/key.js';
import type { NearCopy } from '../tier/near-copy.js';
import { failureHoldMs } from '../tier/fill-lease.js';
import type { ScopeState } from '../tier/request-scope.js';
import { channels, reportFault } from '../value/events.js';
import { tagName } from '../tier/fence.js';
import { logOfKey } from './cache-parts.js';
import type { CacheParts } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import { Flight } from './flight.js';
import type { Landed } from './flight.js';
import type { Loader } from './loader.js';
import type { ReadThrough } from './read-through.js';
import { SlotMap } from './slot-map.js';

/** How soon a process asks whether another's refresh has come in. */
const refreshElsewhereMs = 250;

/** Single flight: at most one look-up or load per key is under way in this process, and everybody waits for that one. */
export class Flights {
  private readonly flights = new SlotMap<Flight>();
  private readonly refreshes = new SlotMap<Flight>();
  private readonly requestNumbers = new WeakMap<ScopeState, number>();
  private lastRequestNumber = 0;

  constructor(
    private readonly parts: CacheParts,
    private readonly reader: ReadThrough,
  ) {}

  get underWay(): number {
    return this.flights.size + this.refreshes.size;
  }

  /** What is there at once, or what a flight brings home. */
  find<V>(key: Key, loader: Loader<V>, policy: EntryPolicy<V>, forced: boolean): Landed<V> | Promise<Landed<V>> {
    return (forced ? undefined : this.reader.foundNow(key, policy)) ?? this.join(key, loader, policy, forced);
  }

  /** The flight under way, or a new one. A forced miss joins no older flight; later callers join the forced one. */
  join<V>(key: Key, loader: Loader<V>, policy: EntryPolicy<V>, forced: boolean): Promise<Landed<V>> {
    const slot = this.slotOf(key, policy);
    const present = this.current<V>(this.flights, key, slot, policy.requestOnly);
    const asker = this.parts.scope.current();
    const joinable = present && (!forced || present.forcedBy === asker);
    if (joinable && channels.loadJoined.hasSubscribers) {
      channels.loadJoined.publish({ cache: this.parts.name, key: key.text });
    }
    const flight = joinable
      ? present
      : this.begin(this.flights, slot, key, policy, (self: Flight<Landed<V>>) =>
          forced ? this.reader.force(self, key, loader, policy) : this.reader.readOrLoad(self, key, loader, policy),
        );
    // A look-up may have to wait for a refresh: whose loader asks for its own key is told so.
    const refresh = this.refreshes.size === 0 ? undefined : this.refreshes.get(slot);
    if (refresh) flight.dependsOn(refresh);
    if (forced) flight.forcedBy = asker;
    return this.wait(flight, policy);
  }

  /** Until the flight lands, or the caller can't wait: a load that takes longer than it may ends by itself. */
  wait<V>(flight: Flight<Landed<V>>, { hardMs, maxLoadMs, signal }: EntryPolicy<V>): Promise<Landed<V>> {
    const mayWaitForTurn = this.parts.loadPlaces !== undefined;
    return flight.join(this.parts.clock, hardMs < maxLoadMs || mayWaitForTurn ? hardMs : Infinity, signal);
  }

  /** The flight of this key that a caller would join now, for what loads several keys at once. */
  present<V>(key: Key, policy: Pick<EntryPolicy, 'version' | 'requestOnly'>): Flight<Landed<V>> | undefined {
    return this.current<V>(this.flights, key, this.slotOf(key, policy), policy.requestOnly);
  }

  /** Where a load is found: look-ups for other upstream versions are other loads, and so are other requests' for what is theirs alone. */
  slotOf({ id }: Key, { version, requestOnly }: Pick<EntryPolicy, 'version' | 'requestOnly'>): string {
    const slot = version === undefined ? id : `${id}\0v${version}`;
    return requestOnly ? `${slot}\0r${this.requestNumber()}` : slot;
  }

  /** Outside of a request every caller is alone. */
  private requestNumber(): number {
    const scope = this.parts.scope.current();
    const known = scope && this.requestNumbers.get(scope);
    if (known !== undefined) return known;
    const number = ++this.lastRequestNumber;
    if (scope) this.requestNumbers.set(scope, number);
    return number;
  }

  private current<V>(
    among: SlotMap<Flight>,
    key: Key,
    slot: string,
    requestOnly: boolean,
  ): Flight<Landed<V>> | undefined {
    const present = among.get(slot);
    const joinable = present && !present.abandoned && !this.outdated(key, present, requestOnly);
    return joinable ? (present as Flight<Landed<V>>) : undefined;
  }

  /**
   * Whether what it brings home may be too old for who asks now: its key or one of its tags was invalidated since, or the log that would say
   * so could not be read for so long.
   */
  private outdated(key: Key, { position, tags, beganAt }: Flight, requestOnly: boolean): boolean {
    const { fence, clock } = this.parts;
    const name = this.parts.nameOf(key);
    if (requestOnly ? fence.invalidatedSince(name, position) : fence.namedSince(name, position)) return true;
    if (tags.some((tag) => fence.namedSince(tagName(tag), position))) return true;
    const log = logOfKey(this.parts, key);
    const now = clock.now();
    return log !== undefined && now >= log.trust.until && now >= beganAt + log.unreadForMs;
  }

  /** Registers a flight that something else flies, so that single look-ups of its key join it. */
  begin<V>(
    among: SlotMap<Flight> | 'loads',
    slot: string,
    key: Key,
    { tags }: Pick<EntryPolicy, 'tags'>,
    fly: (flight: Flight<Landed<V>>) => Promise<Landed<V>>,
  ): Flight<Landed<V>> {
    const flights = among === 'loads' ? this.flights : among;
    const { position } = this.parts.fence;
    const now = this.parts.clock.now();
    const leave = (): void => flights.leave(slot, flight);
    const flight = new Flight<Landed<V>>(key.text, position, fly, now, tags, flights === this.refreshes, leave);
    flights.set(slot, flight);
    return flight;
  }

  /**
   * A stale copy is served, and one process of the fleet refreshes it. With `timeout.soft` the caller first waits that long for the
   * refresh, and gets its error if that error is an answer.
   */
  async serveStale<V>(key: Key, stale: NearCopy<V>, loader: Loader<V>, policy: EntryPolicy<V>): Promise<Landed<V>> {
    const refresh = this.refresh(key, stale, loader, policy);
    const served: Landed<V> = { copy: stale, keptForRequest: true };
    const isEarly = this.parts.clock.now() < stale.freshUntil;
    if (!refresh || isEarly || policy.softMs === 0) return served;
    try {
      const landed = await refresh.join(this.parts.clock, policy.softMs, policy.signal);
      return landed.copy ? landed : served;
    } catch (error) {
      policy.signal?.throwIfAborted();
      if (refresh.landed && !policy.staleIfError(error)) throw error;
      return served;
    }
  }

  /** Outside of the request that happened to come first: its scope, its end and its signal mean nothing to the refresh. */
  private refresh<V>(
    key: Key,
    stale: NearCopy<V>,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
  ): Flight<Landed<V>> | undefined {
    const slot = this.slotOf(key, policy);
    const present = this.current<V>(this.refreshes, key, slot, policy.requestOnly);
    if (present) return present;
    if (this.parts.clock.now() < stale.refreshNotBefore) return undefined;
    const background = { ...policy, signal: undefined };
    return this.parts.scope.outside(() =>
      this.begin(this.refreshes, slot, key, policy, (self: Flight<Landed<V>>) =>
        this.refreshed(self, key, stale, loader, background),
      ),
    );
  }

  private async refreshed<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    stale: NearCopy<V>,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
  ): Promise<Landed<V>> {
    try {
      const landed = await this.reader.refresh(flight, key, stale, loader, policy);
      if (!landed.copy) stale.refreshNotBefore = this.parts.clock.now() + refreshElsewhereMs;
      return landed;
    } catch (error) {
      stale.refreshNotBefore = this.parts.clock.now() + failureHoldMs;
      reportFault({
        source: this.parts.name,
        kind: 'background-load',
        message: 'A refresh failed.',
        key: key.text,
        cause: error,
      });
      throw error;
    }
  }
}
