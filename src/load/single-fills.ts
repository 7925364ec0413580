import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { openEnvelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { KeyLike } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { giveBackAll } from '../origin/fill-lease.js';
import type { FillLease, FillLeases, ItemLife } from '../origin/fill-lease.js';
import { keptMs } from '../origin/kept-ms.js';
import type { StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { unlessAway } from '../value/unless-away.js';
import type { Fills, LoadKeys } from './fills.js';
import type { Flight, Landed } from './flight.js';
import type { LoadCall } from './load-call.js';
import type { LoadCause } from './load-start.js';
import type { SingleRead } from './single-read.js';
import { Wanted } from './wanted.js';

/** How one key is filled: where it is missing, whatever is there, or because what is there gets old. Each is a fill of many keys that has one. */
export class SingleFills {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly notes: TagNotes,
    private readonly leases: FillLeases,
    private readonly fills: Fills,
    private readonly clock: CacheClock,
  ) {}

  /** What the store holds, or a load under a lease. */
  findOrLoad<V>(flight: Flight<Landed<V>>, call: LoadCall<V>): Promise<Landed<V>> {
    return this.fill(flight, call, this.wanted(call));
  }

  /** As `findOrLoad`, with what the store has answered already. @throws what it could not be asked for, but for an outage. */
  async goOn<V>(flight: Flight<Landed<V>>, read: SingleRead<V>): Promise<Landed<V>> {
    const { error } = read;
    if (error !== undefined && !(error instanceof StoreUnavailableError)) throw error;
    if (error !== undefined) {
      read.placed = undefined;
      read.reason = 'unavailable';
    }
    return this.fill(flight, read, read);
  }

  /** Loads whatever the tiers hold, and replaces it. */
  async force<V>(flight: Flight<Landed<V>>, call: LoadCall<V>): Promise<Landed<V>> {
    if (this.fills.places) await this.fills.places.enter(flight);
    const one = this.wanted(call);
    one.lease = one.placed && (await this.seize(one.placed, call.policy));
    return this.load(flight, call, one, 'forced');
  }

  /**
   * Replaces an entry that is still served. Resolves with what is current afterwards, or with no copy when another process is at it.
   * @param stale what is served meanwhile.
   */
  async refresh<V>(flight: Flight<Landed<V>>, call: LoadCall<V>, stale: NearCopy<V>): Promise<Landed<V>> {
    if (this.fills.places) await this.fills.places.enter(flight);
    const one = this.wanted(call);
    const { placed } = one;
    if (!placed?.shard.invalidate) {
      one.lease = placed && this.leases.unfenced(placed.shard, placed.storeKey);
      return this.load(flight, call, one, 'refresh', stale);
    }
    return (await this.win(one, placed, stale)) ?? this.load(flight, call, one, 'refresh', stale);
  }

  /**
   * What a load of the key is to find, and to fill.
   * @param given as the loader is given it. @param slot where others join it.
   */
  wanted<V>(
    { key, policy, askedIn }: Pick<LoadCall<V>, 'key' | 'policy' | 'askedIn'>,
    given: KeyLike = key,
    slot?: string,
  ): Wanted<V> {
    const placed = this.coherence.placeToRead(key, policy);
    const isHeldBack = !placed && policy.shared && this.coherence.store !== undefined;
    const reason = isHeldBack ? 'invalidated' : 'absent';
    const { position } = this.coherence.names;
    const one = new Wanted(this.entries, given, key, policy, placed, reason, position, this.clock.coarseNow(), slot);
    one.askedIn = askedIn;
    return one;
  }

  /** The right to fill, taken from whoever has it; `undefined` when the store can't be reached. */
  async seize(placed: Placed, { idleMs }: Pick<EntryPolicy, 'idleMs'>): Promise<FillLease | undefined> {
    if (!placed.shard.invalidate) return this.leases.unfenced(placed.shard, placed.storeKey);
    return unlessAway(async () => {
      await placed.feed.ready();
      return this.leases.seize(placed.shard, placed.storeKey, (item) => this.lifeOf(placed, item, idleMs));
    });
  }

  /**
   * Wins the right to replace what is there. Where the store can't be reached, the key is loaded without it.
   * @returns what makes a load needless: what has replaced it meanwhile, or no copy where another process is at it.
   */
  private async win<V>(one: Wanted<V>, placed: Placed, stale: NearCopy<V>): Promise<Landed<V> | undefined> {
    const { key, policy } = one;
    const mark = this.coherence.names.position;
    try {
      await placed.feed.ready();
      const lifeOf = (item: StoredItem): ItemLife | undefined => this.lifeOf(placed, item, policy.idleMs);
      const won = await this.leases.winRefresh(placed.shard, placed.storeKey, lifeOf);
      // Evicted, or invalidated by somebody: whoever asks next loads it, and so does this refresh.
      one.lease = won.item ? won.lease : await this.leases.win(placed.shard, placed.storeKey);
      if (!won.item) return one.lease ? undefined : elsewhere;
      const known = await this.notes.read(policy.tags);
      const found = await this.entries.understand(placed, won.item, policy, known, mark);
      if ('copy' in found && found.copy.servedUntil > Math.max(this.clock.now(), stale.servedUntil)) {
        await one.lease?.giveBack();
        this.near.keep(key, found.copy, policy);
        return { copy: found.copy, keptForRequest: true };
      }
    } catch (error) {
      await giveBackAll([one.lease]);
      if (!(error instanceof StoreUnavailableError)) throw error;
      one.lease = undefined;
      one.placed = undefined;
      one.reason = 'unavailable';
      return undefined;
    }
    return one.lease ? undefined : elsewhere;
  }

  private async fill<V>(flight: Flight<Landed<V>>, call: LoadCall<V>, one: Wanted<V>): Promise<Landed<V>> {
    await this.fills.run(flight, [one], loaderOf(call));
    return one.landed as Landed<V>;
  }

  private async load<V>(
    flight: Flight<Landed<V>>,
    call: LoadCall<V>,
    one: Wanted<V>,
    cause: LoadCause,
    stale?: NearCopy<V>,
  ): Promise<Landed<V>> {
    await this.fills.load(flight, [one], loaderOf(call, stale), cause);
    return one.landed as Landed<V>;
  }

  /** Where it slides, it lives as after a use. Undefined: it is undecodable, and nothing worth keeping. */
  private lifeOf({ storeKey }: Placed, item: StoredItem, idleMs: number | undefined): ItemLife | undefined {
    try {
      const { createdAt, staleUntil } = openEnvelope(storeKey, item.bytes);
      const until = Math.min(staleUntil, this.clock.now() + (idleMs ?? Infinity));
      return { leftMs: () => until - this.clock.now(), keptMs: keptMs(staleUntil - createdAt, idleMs) };
    } catch {
      return undefined;
    }
  }
}

const elsewhere: Landed<never> = { copy: undefined, keptForRequest: false };

/** The loader of one key as that of many. */
function loaderOf<V>({ key, loader }: LoadCall<V>, stale?: NearCopy<V>): LoadKeys<V> {
  return async (_, context) =>
    new Map([[key.id, await loader({ key: key.original, ...context, ...(stale && { stale: stale.read() }) })]]);
}
