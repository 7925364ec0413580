import type { Coherence } from '../coherence/coherence.js';
import type { ShardFeed } from '../coherence/shard-feed.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';

/** Whether one part of the store answers now. */
export interface ShardStatus {
  /** For people: `memcached 127.0.0.1:11211`, `disk /var/cache/app`. */
  readonly shard: string;
  readonly answers: boolean;
  /** Why it does not answer. */
  readonly reason?: string;
  /** How long the answer took, or its refusal. */
  readonly tookMs: number;
}

/** How a cache is. Nothing in here names a key or shows a value. */
export interface CacheStatus {
  readonly cache: string;
  /** The store below the process tier; absent where there is none. */
  readonly store?: string;
  readonly shards: readonly ShardStatus[];
  /** Invalidations that the store has not acknowledged yet. They are sent again until it does. */
  readonly unacknowledgedWrites: number;
}

/**
 * Asks every shard for what look-ups ask it for: its list of versions, and its feed, if what is known of that is too old. Takes no longer than two reads may.
 */
export async function cacheStatus(
  name: string,
  { store, feeds, outbox }: Coherence,
  clock: CacheClock,
): Promise<CacheStatus> {
  const ask = async (feed: ShardFeed): Promise<ShardStatus> => {
    const { shard, versions } = feed;
    const startedAt = clock.monotonic();
    const asked = await Promise.allSettled([shard.readMany([versions.key]), feed.answers()]);
    const tookMs = clock.monotonic() - startedAt;
    const failed = asked.find((outcome) => outcome.status === 'rejected');
    if (!failed) return { shard: shard.name, answers: true, tookMs };
    if (!(failed.reason instanceof StoreUnavailableError)) throw failed.reason;
    return { shard: shard.name, answers: false, reason: failed.reason.message, tookMs };
  };
  return {
    cache: name,
    ...(store && { store: store.name }),
    shards: await Promise.all(feeds.map(ask)),
    unacknowledgedWrites: outbox.size,
  };
}
