import type { Coherence } from '../coherence/coherence.js';
import type { Shard } from '../store/store.js';
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

/** Asks every shard for a key that is never there, within the deadline of any other read. */
export async function cacheStatus(name: string, { store, outbox }: Coherence, clock: CacheClock): Promise<CacheStatus> {
  const ask = async (shard: Shard): Promise<ShardStatus> => {
    const startedAt = clock.monotonic();
    const tookMs = (): number => clock.monotonic() - startedAt;
    try {
      await shard.readMany(['~']);
      return { shard: shard.name, answers: true, tookMs: tookMs() };
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return { shard: shard.name, answers: false, reason: error.message, tookMs: tookMs() };
    }
  };
  return {
    cache: name,
    ...(store && { store: store.name }),
    shards: await Promise.all((store?.shards ?? []).map(ask)),
    unacknowledgedWrites: outbox.size,
  };
}
