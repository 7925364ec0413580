import type { Shard, Store } from '../store/store.js';
import type { ShardLog } from '../coherence/shard-log.js';
import type { StalenessSample } from '../coherence/staleness-sample.js';
import type { TagGenerations } from '../coherence/tag-generations.js';
import type { Key } from '../key/key.js';
import type { KeySpace } from '../key/key-space.js';
import type { Fence } from '../tier/fence.js';
import type { FillLeases } from '../tier/fill-lease.js';
import type { ProcessTier } from '../tier/process-tier.js';
import type { RequestScope } from '../tier/request-scope.js';
import type { Clock } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import type { LoadPlaces } from './load-places.js';
import type { UnacknowledgedWrites } from './unacknowledged-writes.js';

/** What the parts of one cache work with. Built once by {@link TieredCache}; the parts know each other through nothing else. */
export interface CacheParts {
  readonly name: string;
  readonly clock: Clock;
  /** For the path of a hit. */
  readonly coarseClock: { now(): number };
  readonly random: () => number;
  readonly scope: RequestScope;
  readonly process: ProcessTier | undefined;
  readonly store: Store | undefined;
  readonly fence: Fence;
  readonly leases: FillLeases;
  /** Absent where any number of loaders may run at once. */
  readonly loadPlaces: LoadPlaces | undefined;
  readonly tagGenerations: TagGenerations | undefined;
  readonly unacknowledged: UnacknowledgedWrites;
  readonly staleness: StalenessSample;
  /** The keys of the present version. */
  keySpace(): KeySpace;
  logOf(shard: Shard): ShardLog;
  /** What a key is called in the log and at the fence: its text, or its digest where texts are not to be seen in a store. */
  nameOf(key: Key): string;
}

/** A key and where it stands in the store. */
export interface PlacedKey {
  readonly key: Key;
  readonly storeKey: string;
  readonly shard: Shard;
  readonly log: ShardLog;
}

/** `undefined` when there is no store, or the key must not be looked for in it: its invalidation is not acknowledged yet. */
export function place(parts: CacheParts, key: Key): PlacedKey | undefined {
  if (!parts.store || parts.unacknowledged.has(key.id)) return undefined;
  const storeKey = parts.keySpace().storeKey(key.text);
  const shard = parts.store.shardOf(storeKey);
  return { key, storeKey, shard, log: parts.logOf(shard) };
}

/** The log that names the key; `undefined` when there is no store. */
export function logOfKey(parts: CacheParts, key: Key): ShardLog | undefined {
  return parts.store && parts.logOf(parts.store.shardOf(parts.keySpace().storeKey(key.text)));
}

/**
 * How long the store keeps an entry from now: for its whole life, or for the time between two uses where that slides.
 * @throws InvalidOptionError for a sliding life on a store that can't touch.
 */
export function storedLifeMs(
  parts: CacheParts,
  { idleMs }: { readonly idleMs: number | undefined },
  { staleUntil }: { readonly staleUntil: number },
  now: number,
): number {
  if (idleMs === undefined) return staleUntil - now;
  if (parts.store && !parts.store.capabilities.touch) {
    throw new InvalidOptionError(
      'ttl',
      `the ${parts.store.name} store can't extend a life with use`,
      'Use a life that does not slide.',
    );
  }
  return Math.min(idleMs, staleUntil - now);
}
