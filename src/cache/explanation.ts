import type { Serving } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { KeySpace } from '../key/key-space.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import { isServable } from '../near/verdict.js';
import type { Verdict } from '../near/verdict.js';
import type { CacheClock } from '../value/cache-clock.js';
import type { Provenance } from '../value/entry.js';
import { StoreUnavailableError, UndecodableError } from '../value/errors.js';
import type { Freshness, MissReason, TierName } from '../value/lookup.js';

/** What one tier knows of a key. Durations are milliseconds; nothing here shows the value. */
export interface TierExplanation {
  readonly tier: TierName;
  readonly hit: boolean;
  /** Why not, for a miss; `loading` when a process holds the fill lease; `untrusted`: nobody has vouched for it of late. */
  readonly reason?: MissReason | 'loading' | 'untrusted';
  readonly freshness?: Freshness;
  readonly ageMs?: number;
  readonly freshForMs?: number;
  readonly servableForMs?: number;
  readonly bytes?: number;
  readonly codec?: string;
  readonly version?: string;
  readonly tags?: readonly string[];
  readonly loadCostMs?: number;
}

/** Where a key is, and why it is not where it is not. */
export interface Explanation {
  readonly key: string;
  /** As the store sees it, versions included. */
  readonly storeKey: string;
  readonly packageVersion: string;
  readonly versionStamp: string | undefined;
  /** The part of the store that the key belongs to. */
  readonly shard?: string;
  readonly tiers: readonly TierExplanation[];
}

/** Asks of each tier what a look-up would be told, without moving anything between them. */
export class Explanations {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly clock: CacheClock,
  ) {}

  /** @param asked what the look-up asks for; undefined: for people, who look at everything. */
  async of(key: Key, space: KeySpace, asked: Serving | undefined): Promise<Explanation> {
    const placed = this.coherence.place(key);
    const tiers = this.near
      .explain(key, asked)
      .map(({ tier, copy, verdict }) =>
        copy ? this.told(tier, copy.serving.codec.name, copy, verdict) : missed(tier, 'absent'),
      );
    if (placed) tiers.push(await this.inStore(placed, asked));
    return {
      key: key.text,
      storeKey: space.storeKey(key.text),
      packageVersion: space.packageVersion,
      versionStamp: space.versionStamp,
      ...(placed && { shard: placed.shard.name }),
      tiers,
    };
  }

  private async inStore(placed: Placed, asked: Serving | undefined): Promise<TierExplanation> {
    const tier = this.coherence.store?.name ?? 'store';
    if (this.coherence.outbox.has(placed.name)) return missed(tier, 'invalidated');
    try {
      await placed.feed.heard();
      const [item] = await placed.shard.readMany([placed.storeKey]);
      if (!item) return missed(tier, 'absent');
      if (item.bytes.length === 0) return missed(tier, 'loading');
      const bytes = item.bytes.length;
      try {
        const { envelope, verdict } = await this.entries.explain(placed, item, asked);
        return { ...this.told(tier, envelope.codec, envelope, verdict), bytes: envelope.payloadBytes };
      } catch (error) {
        if (!(error instanceof UndecodableError)) throw error;
        return { ...missed(tier, 'undecodable'), bytes };
      }
    } catch (error) {
      if (error instanceof StoreUnavailableError) return missed(tier, 'unavailable');
      throw error;
    }
  }

  private told(tier: TierName, codec: string, entry: Provenance, verdict: Verdict): TierExplanation {
    const now = this.clock.now();
    return {
      tier,
      hit: isServable(verdict),
      ...(isServable(verdict) ? { freshness: verdict } : { reason: verdict }),
      ageMs: now - entry.createdAt,
      freshForMs: Math.max(0, entry.freshUntil - now),
      servableForMs: Math.max(0, entry.staleUntil - now),
      codec,
      loadCostMs: entry.loadCostMs,
      ...(entry.version === undefined ? undefined : { version: entry.version }),
      ...(entry.tags.length > 0 && { tags: entry.tags.map(({ tag }) => tag) }),
    };
  }
}

function missed(tier: TierName, reason: NonNullable<TierExplanation['reason']>): TierExplanation {
  return { tier, hit: false, reason };
}
