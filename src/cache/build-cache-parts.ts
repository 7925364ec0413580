import type { EntryOptions } from '../catalogue/entry-options.js';
import type { LogName } from '../coherence/log-slot.js';
import { ShardLog } from '../coherence/shard-log.js';
import type { LogListener } from '../coherence/shard-log.js';
import { StalenessSample } from '../coherence/staleness-sample.js';
import { TagGenerations } from '../coherence/tag-generations.js';
import { encodePart } from '../key/key-part.js';
import { digest, maxKeyBytes } from '../key/key-space.js';
import type { KeyFormat } from '../key/key-space.js';
import type { Shard, Store } from '../store/store.js';
import { Fence } from '../tier/fence.js';
import { FillLeases } from '../tier/fill-lease.js';
import { guarded } from '../tier/guarded-store.js';
import { ProcessTier } from '../tier/process-tier.js';
import type { ProcessTierOptions } from '../tier/process-tier.js';
import { RequestScope } from '../tier/request-scope.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { CoarseClock } from '../value/coarse-clock.js';
import { positiveMilliseconds, milliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { InvalidOptionError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { CacheParts } from './cache-parts.js';
import { LoadPlaces } from './load-places.js';
import { UnacknowledgedWrites } from './unacknowledged-writes.js';
import { VersionedKeySpace } from './versioned-key-space.js';
import type { VersionStamp } from './versioned-key-space.js';

/** How far near copies are believed. Of stores that keep a log of invalidations: memcached, disk, memory; an error with any other store. */
export interface CoherenceOptions {
  /** How often each process reads what others invalidated. Default 1 s; 50 ms for stores of this host. */
  readonly interval?: Duration;
  /** How much longer near copies are believed while a part of the store can't be read. Default 5 s; 0: not at all. */
  readonly blindFor?: Duration;
}

/** One cache, all questions answered. The module makes it from its options and the environment. */
export interface CacheConfiguration {
  readonly name: string;
  readonly namespace: string;
  readonly packageVersion: string;
  readonly versionStamp?: VersionStamp;
  readonly keyFormat?: KeyFormat;
  /** The store below the process tier; undefined: there is none. The cache opens and closes it. */
  readonly store?: Store | undefined;
  readonly process?: ProcessTierOptions | false;
  readonly coherence?: CoherenceOptions | false;
  /** How many loaders may run at once in this process; more wait for their turn. A whole number of 1 or more. Default: no limit. */
  readonly maxConcurrentLoads?: number;
  readonly defaults?: EntryOptions;
  readonly scope?: RequestScope;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** What a test can switch off, to show what happens without it. All are on. */
export interface Protections {
  readonly fence?: boolean;
  readonly leases?: boolean;
  readonly generations?: boolean;
}

/** What the log and the versions tell the near tiers. */
export interface NearListener {
  named(names: readonly LogName[]): void;
  missed(log: ShardLog, reason: string): void;
  versionChanged(): void;
}

/** @throws InvalidOptionError, InvalidDurationError naming the option. */
export function buildCacheParts(
  configuration: CacheConfiguration,
  { fence = true, leases = true, generations = true }: Protections,
  listener: NearListener,
): { parts: CacheParts; stop: () => Promise<void> } {
  const { name, namespace, packageVersion, clock = systemClock, random = Math.random } = configuration;
  const { maxConcurrentLoads } = configuration;
  const format = configuration.keyFormat ?? 'readable';
  const store = configuration.store && guarded(configuration.store, { clock });
  const space = new VersionedKeySpace(namespace, packageVersion, configuration.versionStamp, format, clock, () =>
    listener.versionChanged(),
  );
  const staleness = new StalenessSample(name, clock, random, () => logs.values());
  const logs = buildLogs(configuration, store, clock, {
    named: (names, at) => {
      staleness.named(names, at);
      listener.named(names);
    },
    missed: (log, reason) => {
      staleness.missed(log);
      listener.missed(log, reason);
    },
    read: () => staleness.judge(),
  });
  const unacknowledged = new UnacknowledgedWrites(name, clock);
  const parts: CacheParts = {
    name,
    clock,
    // A clock that a test holds still is read as it is.
    coarseClock: clock === systemClock ? new CoarseClock(clock) : clock,
    random,
    scope: configuration.scope ?? new RequestScope(),
    process: configuration.process === false ? undefined : buildProcessTier(name, configuration.process ?? {}),
    store,
    fence: new Fence(undefined, fence),
    leases: new FillLeases(leases),
    loadPlaces: maxConcurrentLoads === undefined ? undefined : new LoadPlaces(maxConcurrentLoads),
    tagGenerations: store && new TagGenerations(store, keyHead(namespace), clock, generations),
    unacknowledged,
    staleness,
    keySpace: () => space.current(),
    logOf: (shard) => logs.get(shard) as ShardLog,
    nameOf: format === 'digest' ? (key) => digest(key.text) : (key) => key.text,
  };
  const stop = async (): Promise<void> => {
    space.close();
    await unacknowledged.close();
    for (const log of logs.values()) log.close();
    await store?.close();
  };
  return { parts, stop };
}

function buildProcessTier(name: string, options: ProcessTierOptions): ProcessTier {
  return new ProcessTier(options, () => {
    if (channels.evicted.hasSubscribers) channels.evicted.publish({ cache: name, tier: 'process', entries: 1 });
  });
}

function buildLogs(
  { name, namespace, coherence }: CacheConfiguration,
  store: Store | undefined,
  clock: Clock,
  listener: LogListener,
): Map<Shard, ShardLog> {
  const options = coherence === false ? {} : (coherence ?? {});
  const asked = options.interval !== undefined || options.blindFor !== undefined;
  if (asked && store && !store.capabilities.atomic) {
    throw new InvalidOptionError(
      'coherence',
      `the ${store.name} store keeps no log of invalidations`,
      'Leave it out and give short lives or process: false, or use memcached, disk or memory.',
    );
  }
  const defaultIntervalMs = store?.capabilities.reach === 'fleet' ? 1_000 : 50;
  const shared = {
    cache: name,
    namespace: keyHead(namespace),
    writer: `${process.pid}-${Math.random().toString(36).slice(2, 10)}`,
    intervalMs: positiveMilliseconds(options.interval ?? defaultIntervalMs, 'coherence.interval'),
    blindForMs: milliseconds(options.blindFor ?? 5_000, 'coherence.blindFor'),
    clock,
    enabled: coherence !== false && store?.capabilities.atomic === true,
  };
  return new Map(store?.shards.map((shard) => [shard, new ShardLog(shard, listener, shared)]));
}

/** Begins the keys that belong to the namespace in all its versions: logs, generations. `~` follows, which no version begins with. */
function keyHead(namespace: string): string {
  const head = encodePart(namespace);
  return head.length <= maxKeyBytes / 2 ? head : digest(namespace).slice(1);
}
