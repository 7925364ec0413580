import { openEnvelope } from '../codec/envelope.js';
import type { Envelope, EnvelopeHead } from '../codec/envelope.js';
import type { Key } from '../key/key.js';
import { freshnessAt } from '../value/entry.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { Freshness, MissReason, TierName } from '../value/lookup.js';
import type { CacheParts } from './cache-parts.js';
import type { NearTiers } from './near-tiers.js';

/** What one tier knows of a key. Durations are milliseconds; nothing here shows the value. */
export interface TierExplanation {
  readonly tier: TierName;
  readonly hit: boolean;
  /** Why not, for a miss; `loading` when a process holds the fill lease. */
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

/** Looks into each tier without moving anything between them. */
export async function explainKey(parts: CacheParts, near: NearTiers, key: Key): Promise<Explanation> {
  const space = parts.keySpace();
  const storeKey = space.storeKey(key.text);
  const now = parts.clock.now();
  const tiers: TierExplanation[] = [];
  const scope = parts.scope.current();
  if (scope) tiers.push(nearTier('request', near.ofRequest(scope).get(key.id)?.head, now));
  if (parts.process) {
    const copy = parts.process.get(key.id);
    const explained = nearTier('process', copy?.head, now);
    tiers.push(copy && now >= copy.trust.until ? { ...explained, hit: false, reason: 'untrusted' } : explained);
  }
  if (parts.store) tiers.push(await inStore(parts, storeKey, now));
  return {
    key: key.text,
    storeKey,
    packageVersion: space.packageVersion,
    versionStamp: space.versionStamp,
    ...(parts.store && { shard: parts.store.shardOf(storeKey).name }),
    tiers,
  };
}

function nearTier(tier: TierName, head: EnvelopeHead | undefined, now: number): TierExplanation {
  return head ? described(tier, head, now) : { tier, hit: false, reason: 'absent' };
}

async function inStore(parts: CacheParts, storeKey: string, now: number): Promise<TierExplanation> {
  const store = parts.store as NonNullable<CacheParts['store']>;
  const miss = (reason: NonNullable<TierExplanation['reason']>): TierExplanation => ({
    tier: store.name,
    hit: false,
    reason,
  });
  const shard = store.shardOf(storeKey);
  const log = parts.logOf(shard);
  try {
    await log.ready();
    const [item] = await shard.readMany([storeKey]);
    if (!item) return miss('absent');
    if (item.bytes.length === 0) return miss('loading');
    let envelope: Envelope;
    try {
      envelope = openEnvelope(storeKey, item.bytes);
    } catch {
      return { ...miss('undecodable'), bytes: item.bytes.length };
    }
    const { payload, ...head } = envelope;
    const explained = { ...described(store.name, head, now), bytes: payload.length };
    if (head.generation < (log.generation as number)) return { ...explained, hit: false, reason: 'invalidated' };
    return (await tagsStand(parts, head)) ? explained : { ...explained, hit: false, reason: 'invalidated' };
  } catch (error) {
    if (error instanceof StoreUnavailableError) return miss('unavailable');
    throw error;
  }
}

async function tagsStand({ tagGenerations }: CacheParts, { tags }: EnvelopeHead): Promise<boolean> {
  if (tags.length === 0 || !tagGenerations) return true;
  const present = await tagGenerations.read(tags.map(({ tag }) => tag));
  return tags.every(({ tag, generation }) => present.find((one) => one.tag === tag)?.generation === generation);
}

function described(tier: TierName, head: EnvelopeHead, now: number): TierExplanation {
  const freshness = freshnessAt(head, now);
  return {
    tier,
    hit: freshness !== undefined,
    ...(freshness ? { freshness } : { reason: 'expired' as const }),
    ageMs: now - head.createdAt,
    freshForMs: Math.max(0, head.freshUntil - now),
    servableForMs: Math.max(0, head.staleUntil - now),
    codec: head.codec,
    loadCostMs: head.loadCostMs,
    ...(head.version === undefined ? undefined : { version: head.version }),
    ...(head.tags.length > 0 && { tags: head.tags.map(({ tag }) => tag) }),
  };
}
