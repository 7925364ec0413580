import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { openEnvelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import type { FillLease, FillLeases } from '../origin/fill-lease.js';
import type { StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { Fills } from './fills.js';
import type { Flight, Landed } from './flight.js';
import type { LoadPlaces } from './load-places.js';
import type { Loader } from './loader.js';
import type { LoadCause } from './load-start.js';
import { loadOne, wantedOf } from './single-reads.js';

/** Loads that replace what is there: because it gets old, or because it was not wanted. */
export class Replacements {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly notes: TagNotes,
    private readonly leases: FillLeases,
    private readonly fills: Fills,
    private readonly places: LoadPlaces | undefined,
    private readonly clock: CacheClock,
  ) {}

  /** Loads whatever the tiers hold, and replaces it. */
  async force<V>(flight: Flight<Landed<V>>, key: Key, loader: Loader<V>, policy: EntryPolicy<V>): Promise<Landed<V>> {
    if (this.places) await this.places.enter(flight);
    const placed = this.coherence.placeToRead(key, policy);
    const lease = placed && (await this.seize(placed));
    return this.load(flight, key, loader, policy, placed, lease, 'forced');
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
    if (this.places) await this.places.enter(flight);
    const placed = this.coherence.placeToRead(key, policy);
    if (!placed?.shard.invalidate) {
      const lease = placed && this.leases.unfenced(placed.shard, placed.storeKey);
      return this.load(flight, key, loader, policy, placed, lease, 'refresh', stale);
    }
    const won = await this.win(placed, stale, policy);
    if (won === 'unavailable') return this.load(flight, key, loader, policy, undefined, undefined, 'refresh', stale);
    if (won === 'elsewhere') return { copy: undefined, keptForRequest: false };
    if ('copy' in won) {
      this.near.keep(key, won.copy, policy);
      return { copy: won.copy, keptForRequest: true };
    }
    return this.load(flight, key, loader, policy, placed, won.lease, 'refresh', stale);
  }

  /** The right to fill, taken from whoever has it; `undefined` when the store can't be reached. */
  async seize(placed: Placed): Promise<FillLease | undefined> {
    if (!placed.shard.invalidate) return this.leases.unfenced(placed.shard, placed.storeKey);
    try {
      await placed.feed.ready();
      return await this.leases.seize(placed.shard, placed.storeKey, (item) => this.lifeLeftMs(placed, item));
    } catch (error) {
      if (error instanceof StoreUnavailableError) return undefined;
      throw error;
    }
  }

  /** The right to replace what is there, or what has replaced it meanwhile. */
  private async win<V>(
    placed: Placed,
    stale: NearCopy<V>,
    policy: EntryPolicy<V>,
  ): Promise<{ copy: NearCopy<V> } | { lease: FillLease } | 'elsewhere' | 'unavailable'> {
    const mark = this.coherence.names.position;
    let lease: FillLease | undefined;
    try {
      await placed.feed.ready();
      const lifeLeft = (item: StoredItem): number => this.lifeLeftMs(placed, item);
      const touches = this.coherence.store?.capabilities.touch === true;
      const won = await this.leases.winRefresh(placed.shard, placed.storeKey, touches ? lifeLeft : undefined);
      // Evicted, or invalidated by somebody: whoever asks next loads it, and so does this refresh.
      if (!won.item) return await this.winMissing(placed);
      ({ lease } = won);
      const known = await this.notes.read(policy.tags);
      const found = await this.entries.understand(placed, won.item, policy, known, mark);
      if ('copy' in found && found.copy.servedUntil > Math.max(this.clock.now(), stale.servedUntil)) {
        await lease?.giveBack();
        return { copy: found.copy };
      }
    } catch (error) {
      await lease?.giveBack().catch(() => {});
      if (error instanceof StoreUnavailableError) return 'unavailable';
      throw error;
    }
    return lease ? { lease } : 'elsewhere';
  }

  private async winMissing({ shard, storeKey }: Placed): Promise<{ lease: FillLease } | 'elsewhere'> {
    const [asked] = await this.leases.readOrWin(shard, [storeKey]);
    return asked?.state === 'won' ? { lease: asked.lease } : 'elsewhere';
  }

  private async load<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    loader: Loader<V>,
    policy: EntryPolicy<V>,
    placed: Placed | undefined,
    lease: FillLease | undefined,
    cause: LoadCause,
    stale?: NearCopy<V>,
  ): Promise<Landed<V>> {
    const one = wantedOf<V>(key, policy, placed, 'absent');
    one.lease = lease;
    await this.fills.load(flight, [one], loadOne(loader, stale), cause);
    return one.landed as Landed<V>;
  }

  private lifeLeftMs({ storeKey }: Placed, item: StoredItem): number {
    try {
      return openEnvelope(storeKey, item.bytes).staleUntil - this.clock.now();
    } catch {
      return 0; // undecodable: nothing worth keeping stands there
    }
  }
}
