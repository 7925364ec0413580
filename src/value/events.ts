import diagnostics from 'node:diagnostics_channel';
import type { Channel } from 'node:diagnostics_channel';
import type { Freshness, MissReason, TierName } from './lookup.js';
import { shownName } from './safe-text.js';

interface OfKey {
  /** The cache's name. */
  readonly cache: string;
  /** The key as its parts read, never the value. */
  readonly key: string;
}

/** What is published, by channel. Keys may be shown; values and lock tokens never appear. */
export interface CacheEvents {
  hit: OfKey & { readonly tier: TierName; readonly freshness: Freshness };
  /** `failed`: a load failed a moment ago, and its error is the answer (`failureHold`). */
  miss: OfKey & { readonly reason: MissReason | 'failed' };
  loadStarted: OfKey & { readonly refresh: boolean };
  loadJoined: OfKey;
  loadFinished: OfKey & { readonly durationMs: number; readonly error?: unknown };
  /** A finished load was returned to its callers and not kept, and why. */
  loadRefused: OfKey & {
    readonly reason:
      | 'invalidated'
      | 'lease-lost'
      | 'too-late'
      | 'no-lease'
      | 'too-large'
      | 'recursive'
      | 'unverified'
      | 'expired'
      | 'unavailable';
  };
  backfilled: OfKey & { readonly tier: TierName };
  evicted: { readonly cache: string; readonly tier: TierName; readonly entries: number };
  /**
   * Somebody has invalidated this. `local`: once for each key or tag that a call in this process names, and once for a clear, when the store has answered or
   * failed; none for a `set`. Whoever asks again on hearing of it is answered as after the call. `remote`: once for each key or tag that the feed names; it names
   * what is set elsewhere, too, and may name what went to several parts of the store twice. A clear elsewhere is a `nearCleared`. `key` reads `tag NAME` for a
   * tag, and `*` for a clear. Control and format characters of a tag are percent-encoded, as those of keys are.
   */
  invalidated: OfKey & { readonly origin: 'local' | 'remote'; readonly of: InvalidatedKind };
  /**
   * Near copies of one part of the store were dropped without being named. `reason`: what was missed in its feed; or `cleared`: a clear by any process, or
   * another end of all entries that this version had there.
   */
  nearCleared: { readonly cache: string; readonly shard: string; readonly reason: string; readonly entries: number };
  /** A write that was not acknowledged and had to be given up. */
  writeGivenUp: OfKey & { readonly reason: string };
  /**
   * A reading of one shard's invalidation log, at each `coherence.interval`. `lagMs`: how old the position of the log had become, and with it
   * what near copies were believed by: the time since the last reading that was answered began. It grows while readings are not `answered`.
   * `applied`: records of the log that were new.
   */
  logRead: {
    readonly cache: string;
    readonly shard: string;
    readonly lagMs: number;
    readonly applied: number;
    readonly answered: boolean;
  };
  /**
   * A sampled hit of the process tier, judged once the log was read past it. `staleMs`: how long before the hit another process had begun the
   * invalidation that this one did not know of yet; 0 where there was none. Between hosts it is as good as their clocks agree.
   */
  staleness: OfKey & { readonly staleMs: number };
  lockAcquired: { readonly resource: string; readonly waitedMs: number };
  lockReleased: { readonly resource: string; readonly outcome: 'released' | 'lost' | 'unknown' };
  lockLost: { readonly resource: string; readonly reason: string };
  /** Something that a reader was spared: a store down or slow, bytes that can't be decoded, a background load that failed. */
  fault: {
    readonly source: string;
    readonly kind: FaultKind;
    readonly message: string;
    readonly key?: string;
    readonly cause?: unknown;
  };
  /** A file was opened: `key` is its uid. `disk`: from a whole copy. `filling`: from one in the making. `upstream`: from the object store alone. */
  fileOpened: OfKey & { readonly source: 'disk' | 'filling' | 'upstream' };
  /**
   * A download into a copy has ended. `refused`: the file was purged meanwhile. `paused`: nobody read it any more, or the process ended; the next reader
   * goes on. `from`: bytes that were there already.
   */
  fileFilled: OfKey & {
    readonly outcome: 'kept' | 'refused' | 'paused' | 'changed' | 'damaged' | 'given-up';
    readonly bytes: number;
    readonly from: number;
    readonly durationMs: number;
  };
  /** The copies of a file were taken away because this process asked for it. */
  filePurged: OfKey;
  /** This process works on another list of servers from now on; at the start, on its first. `number` grows with each list of the fleet, `version` is what the source said. */
  serversChanged: {
    readonly store: string;
    readonly source: string;
    readonly number: number;
    readonly version: number | undefined;
    readonly servers: readonly string[];
  };
  breaker: { readonly shard: string; readonly state: 'opened' | 'closed' };
}

/** What was invalidated: a key, a tag, or by a clear everything. */
export type InvalidatedKind = 'key' | 'tag' | 'everything';

export type FaultKind =
  | 'unavailable'
  | 'undecodable'
  | 'unauthentic'
  | 'too-large'
  | 'too-old'
  | 'unsuitable'
  | 'damaged'
  | 'degraded'
  | 'evicts-locks'
  | 'background-load'
  | 'write-unacknowledged';

export type CacheEventName = keyof CacheEvents;

const names: readonly CacheEventName[] = [
  'hit',
  'miss',
  'loadStarted',
  'loadJoined',
  'loadFinished',
  'loadRefused',
  'backfilled',
  'evicted',
  'invalidated',
  'nearCleared',
  'writeGivenUp',
  'logRead',
  'staleness',
  'lockAcquired',
  'lockReleased',
  'lockLost',
  'fault',
  'fileOpened',
  'fileFilled',
  'filePurged',
  'serversChanged',
  'breaker',
];

/** `nestjs-tiered-cache:hit` and so on, on `node:diagnostics_channel`. */
export const channelName = (event: CacheEventName): string => `nestjs-tiered-cache:${event}`;

type TypedChannel<E> = Omit<Channel, 'publish'> & { publish(message: E): void };

/**
 * One channel per event. Check `channels.hit.hasSubscribers` before building the message: nothing is measured unless
 * somebody listens.
 */
export const channels = Object.fromEntries(names.map((name) => [name, diagnostics.channel(channelName(name))])) as {
  readonly [E in CacheEventName]: TypedChannel<CacheEvents[E]>;
};

/** Whether somebody wants to know of a hit of the process tier. */
export const processHitsAreWatched = (): boolean => channels.hit.hasSubscribers || channels.staleness.hasSubscribers;

/** Tells listeners of a fault that the caller was spared. */
export function reportFault(fault: CacheEvents['fault']): void {
  if (channels.fault.hasSubscribers) channels.fault.publish(fault);
}

/** @param names of keys or tags, or `*` for everything. */
export function tellInvalidated(
  cache: string,
  origin: 'local' | 'remote',
  of: InvalidatedKind,
  names: Iterable<string>,
): void {
  if (!channels.invalidated.hasSubscribers) return;
  for (const name of new Set(names)) {
    const shown = shownName(name);
    channels.invalidated.publish({ cache, key: of === 'tag' ? `tag ${shown}` : shown, origin, of });
  }
}

/** Tells of what a call in this process names when `work` has settled: before that, whoever asks again finds the value of before in the store. */
export async function tellInvalidatedAfter<R>(
  cache: string,
  of: InvalidatedKind,
  names: Iterable<string>,
  work: () => Promise<R>,
): Promise<R> {
  try {
    return await work();
  } finally {
    tellInvalidated(cache, 'local', of, names);
  }
}

/** Calls `listener` for each event of that name until the returned function is called. */
export function onCacheEvent<E extends CacheEventName>(
  event: E,
  listener: (message: CacheEvents[E]) => void,
): () => void {
  const receive = (message: unknown): void => listener(message as CacheEvents[E]);
  diagnostics.subscribe(channelName(event), receive);
  return () => void diagnostics.unsubscribe(channelName(event), receive);
}
