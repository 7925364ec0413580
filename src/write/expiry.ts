import { openEnvelope, sealEnvelope } from '../codec/envelope.js';
import type { Envelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearTiers } from '../near/near-tiers.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { Writes } from './writes.js';

const maxTries = 10;
const backOffMs = 5;

/** Ends the freshness of an entry: it is served as far as its `staleFor` allows, and refreshed. */
export class Expiry {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly writes: Writes,
    private readonly clock: CacheClock,
    private readonly random: () => number,
  ) {}

  /**
   * Near copies go in all processes. What can't be made stale is removed: an entry without a stale life, one that is being loaded, one that others keep
   * changing. False: the store did not acknowledge; the entry is removed as soon as it can be.
   */
  async expire(key: Key, confirm: boolean): Promise<boolean> {
    this.near.name(key);
    const placed = this.coherence.place(key);
    if (!placed) return true;
    try {
      if (placed.shard.invalidate && (await this.makeStale(placed))) return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.writes.removeLater(placed, true);
      if (confirm) throw error;
      return false;
    }
    return this.writes.delete([key], confirm);
  }

  private async makeStale(placed: Placed): Promise<boolean> {
    const { shard, storeKey, name, key, feed } = placed;
    await feed.ready();
    for (let tries = 0; tries < maxTries; tries++) {
      const [item] = await shard.readMany([storeKey]);
      const envelope = item && this.servableStale(storeKey, item);
      if (!item || !envelope) return false;
      const now = this.clock.now();
      const { payload, ...head } = envelope;
      const stale = { ...head, freshUntil: Math.min(now, head.freshUntil) };
      const lifeMs = storedLifeMs(this.coherence.store, undefined, head.staleUntil, now);
      const write = {
        bytes: sealEnvelope(storeKey, stale, payload),
        options: { lifeMs, neverShorter: true, only: item.revision },
      };
      const { outcomes } = await this.coherence
        .invalidationsOf(shard)
        .send([{ name: { key: name }, text: key.text, storeKey, write }], now);
      if (outcomes[0]?.status === 'stored') {
        this.near.name(key);
        return true;
      }
      await this.clock.sleep(this.random() * backOffMs * 2 ** tries);
    }
    return false;
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
