import { systemRandom } from '../../value/chance.js';
import { systemClock } from '../../value/clock.js';
import type { Clock } from '../../value/clock.js';
import { InvalidOptionError } from '../../value/errors.js';
import { KnownOptions } from '../../value/known-options.js';
import type { Shard, Store, StoreCapabilities } from '../store.js';
import { accessFor } from './access-for.js';
import { loadDriver } from './driver/load-driver.js';
import type { RedisDriver } from './driver/redis-driver.js';
import { keySlot } from './key-slot.js';
import type { RedisAccess } from './redis-access.js';
import { readRedisOptions, redisConnectionOptionTable } from './redis-options.js';
import type { RedisConnectionOptions, RedisSettings } from './redis-options.js';
import type { AfterFailover } from './redis-session.js';
import { RedisShard } from './redis-shard.js';
import { RedisWakes } from './redis-wakes.js';
import type { WakeProtections } from './redis-wakes.js';

export interface RedisStoreOptions extends RedisConnectionOptions {
  /** Stands before every key, for a Redis that others use as well. Default: nothing. Printable ASCII without spaces and braces, at most 100 bytes. */
  readonly keyPrefix?: string;
  /** The largest entry. Default 8 MiB. */
  readonly maxItemBytes?: number;
  /** Of a Cluster: into how many parts the keys are divided, each of which lives on one node. All processes must say the same. Default 64. */
  readonly partitions?: number;
  /**
   * What becomes of entries when a server comes back with other data than it had, or a replica takes over. Either may bring back what was invalidated.
   * `distrust`: no entry from before is served. `trust`: they are; leases, feeds and near copies end all the same. Default `distrust`.
   */
  readonly afterFailover?: AfterFailover;
}

/**
 * Redis 7.0 or later, alone, with Sentinel, or as a Cluster; near copies learn of an invalidation as it is published. Needs no package.
 *
 * @throws InvalidOptionError, InvalidDurationError
 * @example redisStore({ url: 'redis://localhost:6379' })
 */
export function redisStore(options: RedisStoreOptions): Store {
  known.check(options);
  return redisStoreWith(options);
}

export function redisStoreWith(
  options: RedisStoreOptions,
  { names = {}, driver, clock = systemClock, random = systemRandom, ...protections }: Given = {},
): Store {
  const {
    keyPrefix = '',
    maxItemBytes = 8 * 2 ** 20,
    partitions = 64,
    afterFailover = 'distrust',
    ...connection
  } = options;
  const named = {
    url: 'redisStore.url',
    keyPrefix: 'redisStore.keyPrefix',
    partitions: 'redisStore.partitions',
    ...names,
  };
  const settings = readRedisOptions(connection, named.url);
  if (!/^[\x21-\x7a|~]{0,100}$/.test(keyPrefix)) {
    const problem = 'it has other characters than printable ASCII without spaces and braces, or more than 100';
    throw new InvalidOptionError(named.keyPrefix, problem, "Give a short word, such as 'cache:'.");
  }
  if (!(maxItemBytes >= 1)) throw new InvalidOptionError('maxItemBytes', 'it is not a size', 'Give bytes, 1 or more.');
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 4_096) {
    throw new InvalidOptionError(named.partitions, 'it is not a number of partitions', 'Give 1 to 4096.');
  }
  if (afterFailover !== 'distrust' && afterFailover !== 'trust') {
    throw new InvalidOptionError('afterFailover', 'it is no such thing', "Give 'distrust' or 'trust'.");
  }
  const { checksIncarnation = true, asksRole = true, wakesAnew = true, pings = true } = protections;
  const layout = { keyPrefix, maxItemBytes, partitions, afterFailover, checksIncarnation, asksRole, wakesAnew, pings };
  return new RedisStore(settings, { ...layout, clock, random }, driver ?? driverOf(settings));
}

/** What the environment and tests say besides. */
interface Given extends WakeProtections {
  /** What options are called where they were given. */
  readonly names?: Partial<Record<'url' | 'keyPrefix' | 'partitions', string>>;
  readonly driver?: LazyDriver;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** False only in tests that show what happens when every incarnation is taken for one. */
  readonly checksIncarnation?: boolean;
  /** False only in tests that show what a server goes on answering that was demoted. */
  readonly asksRole?: boolean;
}

export type LazyDriver = () => Promise<RedisDriver>;

interface Layout {
  readonly keyPrefix: string;
  readonly maxItemBytes: number;
  readonly partitions: number;
  readonly afterFailover: AfterFailover;
  readonly checksIncarnation: boolean;
  readonly asksRole: boolean;
  readonly wakesAnew: boolean;
  readonly pings: boolean;
  readonly clock: Clock;
  readonly random: () => number;
}

const known = KnownOptions.of<RedisStoreOptions>('redisStore()', {
  ...redisConnectionOptionTable,
  keyPrefix: true,
  maxItemBytes: true,
  partitions: true,
  afterFailover: true,
});

const ofEach: StoreCapabilities = {
  reach: 'fleet',
  atomic: true,
  durable: true,
  touch: true,
  clockResolutionMs: 1,
  keepsDeadlines: true,
};

class RedisStore implements Store {
  readonly name = 'redis';
  readonly capabilities: StoreCapabilities;
  readonly shards: readonly [Shard, ...Shard[]];
  private readonly access: RedisAccess;
  private readonly wakes: RedisWakes;

  constructor(
    settings: RedisSettings,
    { keyPrefix, partitions, wakesAnew, pings, random, ...layout }: Layout,
    private readonly driver: LazyDriver,
  ) {
    const { clock } = layout;
    const { target, commandTimeoutMs } = settings;
    this.capabilities = { ...ofEach, deadlineMs: commandTimeoutMs };
    const lazy: RedisDriver = {
      name: settings.driver,
      connect: async (link) => (await driver()).connect(link),
    };
    this.access = accessFor(settings, lazy, clock, random, { mixesSlots: true });
    this.wakes = new RedisWakes(this.access, clock, { wakesAnew, pings });
    const { access, wakes } = this;
    const common = { ...layout, access, wakes, deadlineMs: commandTimeoutMs };
    const count = target.topology === 'cluster' ? partitions : undefined;
    const shards = Array.from({ length: count ?? 1 }, (_, index) => {
      const prefix = count === undefined ? keyPrefix : `{${keyPrefix}~${index}}`;
      const name = count === undefined ? access.name : `${access.name}, partition ${index}`;
      return new RedisShard({ ...common, name, prefix, isWhole: count === undefined });
    });
    this.shards = shards as [RedisShard, ...RedisShard[]];
  }

  shardOf(storeKey: string): Shard {
    const { shards } = this;
    return shards.length === 1 ? shards[0] : (shards[keySlot(storeKey) % shards.length] as Shard);
  }

  /** Connects, so that the first request does not. @throws InvalidOptionError where the driver that was asked for is not installed */
  async open(): Promise<void> {
    await this.driver();
    this.access.open();
    this.wakes.open();
    await this.access.allConnected().catch(joinsLater);
  }

  close(): Promise<void> {
    this.wakes.close();
    this.access.close();
    return Promise.resolve();
  }
}

function driverOf({ template, driver }: RedisSettings): LazyDriver {
  let loading: Promise<RedisDriver> | undefined;
  return () => (loading ??= template ? template.load() : loadDriver(driver));
}

function joinsLater(): void {}
