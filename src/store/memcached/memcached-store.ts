import { randomBytes } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { systemRandom } from '../../value/chance.js';
import { systemClock } from '../../value/clock.js';
import type { Clock } from '../../value/clock.js';
import { positiveMilliseconds } from '../../value/duration.js';
import type { Duration } from '../../value/duration.js';
import { InvalidOptionError } from '../../value/errors.js';
import { KnownOptions } from '../../value/known-options.js';
import type { Shard, Store, StoreCapabilities } from '../store.js';
import type { FeedTuning } from './feed-state.js';
import { KetamaRing } from './ketama-ring.js';
import { MemcachedFeeds } from './memcached-feeds.js';
import { DiscoveredStore } from './list/discovered-store.js';
import type { DiscoveredServers } from './list/server-source.js';
import { discoveryIn } from './list/discovery-in.js';
import { MemcachedServer } from './memcached-server.js';
import type { ServerOptions } from './memcached-server.js';
import { MemcachedShard } from './memcached-shard.js';
import { resolveName } from './resolve-name.js';
import type { ResolveName } from './resolve-name.js';
import { parseAccess } from './server-access.js';
import { parseServers } from './server-address.js';

export interface MemcachedStoreOptions {
  /**
   * `['10.0.0.1:11211', '10.0.0.2']` or `'10.0.0.1:11211,10.0.0.2'`; the port defaults to 11211. All processes must name the same ones. A name must stand
   * for one server, however many addresses it has; one that stands for several is not used, and a fault says so. `'/run/memcached.sock'` is a unix socket,
   * `'[fe80::1%eth0]:11211'` an IPv6 address with its zone. `{ discover: configEndpoint('…') }` asks for the list, and changes it for all processes at one mark;
   * so do `'config://host:port'` and `'dns://host:port'`.
   */
  readonly servers: string | readonly string[] | DiscoveredServers;
  /**
   * TLS to servers that were started with `-Z`: true for the authorities that Node trusts, or options of Node's `tls.connect` such as `ca`, `cert` and `key`.
   * A name is checked against the certificate. Default false.
   */
  readonly tls?: boolean | ConnectionOptions;
  /** With `password`, for servers that were started with `-Y` (ASCII authentication; SASL would forbid the protocol that this store speaks). */
  readonly username?: string;
  readonly password?: string;
  /** How long a connection may take, TLS included. Default 250 ms. */
  readonly connectTimeout?: Duration;
  /**
   * How long a command may take, and of commands that leave together each next answer, and all of them 20 times as long; a connection with an overdue one is
   * closed. Default 250 ms.
   */
  readonly commandTimeout?: Duration;
  /** The largest entry. Default and at most: what the server takes (1 MiB unless it was started with `-I`). */
  readonly maxItemBytes?: number;
}

/**
 * A fleet of memcached servers, 1.6.18 or later. Keys are placed by consistent hashing (ketama), so that a server more or less moves only its share;
 * a dead server's keys move nowhere and are misses until it is back.
 *
 * @throws InvalidOptionError, InvalidDurationError
 */
export function memcachedStore(options: MemcachedStoreOptions): Store {
  known.check(options);
  return memcachedStoreWith(options, {});
}

/** @internal With what tests replace. */
export function memcachedStoreWith(options: MemcachedStoreOptions, tuning: Partial<MemcachedTuning>): Store {
  const tuned = { ...usualTuning, ...tuning };
  const { maxItemBytes = Infinity } = options;
  const servers =
    typeof options.servers === 'string' ? (discoveryIn(options.servers) ?? options.servers) : options.servers;
  if (!(maxItemBytes >= 1))
    throw new InvalidOptionError('maxItemBytes', `${maxItemBytes} is not a size`, 'Give bytes, 1 or more.');
  const server = serverOptions(options, tuned);
  if (!isDiscovered(servers)) return new MemcachedStore(servers, maxItemBytes, server);
  knownDiscovery.check(servers);
  return new DiscoveredStore({
    ...tuned,
    ...servers,
    server,
    maxItemBytes,
    capabilities: capabilitiesOf(server),
    feedTuning: feedTuning(tuned.clock),
  });
}

interface MemcachedTuning {
  readonly clock: Clock;
  readonly random: () => number;
  readonly resolve: ResolveName;
  /** How often the addresses of a name are looked up while it is connected. */
  readonly lookUpEachMs: number;
  /** False only for a negative control: servers of one name are not compared. */
  readonly comparesServers: boolean;
  /** False only for a negative control: answers count whatever list the server stands at. */
  readonly confirmsList: boolean;
  /** False only for a negative control: a new list is opened beside the old one. */
  readonly closesOldList: boolean;
}

const usualTuning: MemcachedTuning = {
  clock: systemClock,
  random: systemRandom,
  resolve: resolveName,
  lookUpEachMs: 10_000,
  comparesServers: true,
  confirmsList: true,
  closesOldList: true,
};

const known = KnownOptions.of<MemcachedStoreOptions>('memcachedStore()', {
  servers: true,
  tls: true,
  username: true,
  password: true,
  connectTimeout: true,
  commandTimeout: true,
  maxItemBytes: true,
});

const knownDiscovery = KnownOptions.of<DiscoveredServers>('memcachedStore().servers', { discover: true, every: true });

const capabilitiesOf = ({ commandTimeoutMs }: ServerOptions): StoreCapabilities => ({
  reach: 'fleet',
  atomic: true,
  durable: true,
  touch: true,
  clockResolutionMs: 1_000,
  keepsDeadlines: true,
  deadlineMs: commandTimeoutMs,
});

const isDiscovered = (servers: MemcachedStoreOptions['servers']): servers is DiscoveredServers =>
  typeof servers === 'object' && servers !== null && 'discover' in servers;

function serverOptions(
  { connectTimeout = 250, commandTimeout = 250, tls, username, password }: MemcachedStoreOptions,
  { clock, resolve, lookUpEachMs, comparesServers }: MemcachedTuning,
): ServerOptions {
  const access = { ...(tls !== undefined && { tls }), ...(username !== undefined && { username }) };
  return {
    ...parseAccess({ ...access, ...(password !== undefined && { password }) }),
    connectTimeoutMs: positiveMilliseconds(connectTimeout, 'connectTimeout'),
    commandTimeoutMs: positiveMilliseconds(commandTimeout, 'commandTimeout'),
    clock,
    resolve,
    lookUpEachMs,
    comparesServers,
  };
}

class MemcachedStore implements Store {
  readonly name = 'memcached';
  readonly capabilities: StoreCapabilities;
  readonly shards: readonly [Shard, ...Shard[]];
  private readonly servers: readonly MemcachedServer[];
  private readonly ring: KetamaRing | undefined;
  private readonly shardsByServer: ReadonlyMap<string, Shard>;

  constructor(servers: string | readonly string[], maxItemBytes: number, options: ServerOptions) {
    const addresses = parseServers(servers);
    const { clock } = options;
    this.capabilities = capabilitiesOf(options);
    this.servers = addresses.map((address) => new MemcachedServer(address, options));
    const shards: Shard[] = this.servers.map(
      (server) => new MemcachedShard(server, maxItemBytes, clock, new MemcachedFeeds(feedTuning(clock))),
    );
    this.shards = shards as [Shard, ...Shard[]];
    this.shardsByServer = new Map(addresses.map(({ text }, index) => [text, this.shards[index] as Shard]));
    const names = addresses.map(({ text }) => text);
    this.ring = names.length > 1 ? new KetamaRing(names) : undefined;
  }

  shardOf(storeKey: string): Shard {
    if (!this.ring) return this.shards[0];
    return this.shardsByServer.get(this.ring.serverOf(storeKey)) ?? this.shards[0];
  }

  /** Connects, so that the first request does not; a server that can't be reached joins when it can. */
  async open(): Promise<void> {
    for (const server of this.servers) server.open();
    await Promise.all(this.servers.map((server) => server.connected().catch(joinsLater)));
  }

  close(): Promise<void> {
    for (const server of this.servers) server.close();
    return Promise.resolve();
  }
}

/** Protections are on; tests that switch one off say so. */
export function feedTuning(clock: Clock): FeedTuning {
  const drawId = (): string => randomBytes(9).toString('base64url');
  return { segmentBytes: 16_384, leastLifeMs: 50, clock, drawId, comparesIds: true, comparesChain: true };
}

function joinsLater(): void {}
