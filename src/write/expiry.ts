import { openEnvelope, sealEnvelope } from '../codec/envelope.js';
import type { Envelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { Invalidations } from '../near/invalidations.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { tellInvalidatedAfter } from '../value/events.js';
import type { PreparedEntries } from './prepared-entries.js';
import type { StoredWrites } from './stored-writes.js';
import type { Writes } from './writes.js';

/** Ends the freshness of an entry: it is served as far as its `staleFor` allows, and refreshed. */
export class Expiry {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly invalidations: Invalidations,
    private readonly writes: Writes,
    private readonly stored: StoredWrites,
    private readonly entries: PreparedEntries,
    private readonly clock: CacheClock,
  ) {}

  /**
   * Near copies go in all processes. What can't be made stale is removed: an entry without a stale life, one that is being loaded, one that others keep
   * changing. False: the store did not acknowledge; the entry is removed as soon as it can be.
   */
  async expire(key: Key, confirm: boolean): Promise<boolean> {
    return tellInvalidatedAfter(this.writes.cache, 'key', [key.text], () => this.makeStaleOrRemove(key, confirm));
  }

  private async makeStaleOrRemove(key: Key, confirm: boolean): Promise<boolean> {
    this.near.name(key);
    const waiting = this.entries.behind([key]);
    if (waiting) {
      await waiting;
      // Without a store, what is set keeps itself near by then.
      this.near.name(key);
    }
    const placed = this.coherence.place(key);
    if (!placed) return true;
    try {
      if (placed.shard.invalidate && (await this.makeStale(placed))) return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.invalidations.sendLater(placed, { mayStillArrive: true });
      if (confirm) throw error;
      return false;
    }
    return this.writes.remove([key], confirm);
  }

  private async makeStale(placed: Placed): Promise<boolean> {
    const { shard, storeKey, key, feed } = placed;
    await feed.ready();
    const isStale = await this.stored.tried(async () => {
      const [item] = await shard.readMany([storeKey]);
      const envelope = item && this.servableStale(storeKey, item);
      if (!envelope) return false;
      const now = this.clock.now();
      const { payload, ...head } = envelope;
      // Not now: the clock of whoever reads it may be behind this one, and the entry would be fresh there for the difference.
      const stale = { ...head, freshUntil: Math.min(head.createdAt, head.freshUntil) };
      const by = { bytes: sealEnvelope(storeKey, stale, payload), staleUntil: head.staleUntil, idleMs: undefined };
      const { status } = await this.stored.replace(placed, item, by, now);
      return status === 'stored' ? true : undefined;
    });
    if (isStale) this.near.name(key);
    return isStale ?? false;
  }

  private servableStale(storeKey: string, item: StoredItem): Envelope | undefined {
    try {
      const envelope = openEnvelope(storeKey, item.bytes);
      const now = this.clock.now();
      const hasStaleLife = envelope.staleUntil > now && envelope.staleUntil > envelope.freshUntil;
      return hasStaleLife ? envelope : undefined;
    } catch {
      return undefined;
    }
  }
}
