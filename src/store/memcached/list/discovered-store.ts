import { createHash } from 'node:crypto';
import { positiveMilliseconds } from '../../../value/duration.js';
import { InvalidOptionError } from '../../../value/errors.js';
import type { Shard, Store, StoreCapabilities } from '../../store.js';
import { MemcachedFeeds } from '../memcached-feeds.js';
import { MemcachedServer } from '../memcached-server.js';
import type { ServerOptions } from '../memcached-server.js';
import { MemcachedShard } from '../memcached-shard.js';
import { parseServers } from '../server-address.js';
import type { FeedTuning } from '../feed-state.js';
import { ListFollower } from './list-follower.js';
import type { ListMark } from './list-mark.js';
import { askMark } from './mark-of-server.js';
import { MovingShard } from './moving-shard.js';
import { partCount, partOf } from './part-key.js';
import { Seat } from './seat.js';
import type { DiscoveredServers } from './server-source.js';
import type { MarkAsk, MarkReply } from './settle-list.js';
import { sourceNetwork } from './source-network.js';

export interface DiscoveredOptions extends DiscoveredServers {
  readonly server: ServerOptions;
  readonly maxItemBytes: number;
  readonly feedTuning: FeedTuning;
  readonly capabilities: StoreCapabilities;
  readonly random: () => number;
  /** False only for negative controls. */
  readonly confirmsList: boolean;
  readonly closesOldList: boolean;
}

interface Named {
  readonly server: MemcachedServer;
  /** For its mark. */
  readonly shard: MemcachedShard;
}

/** A memcached fleet whose list of servers is asked for, and changes for all processes at one mark. */
export class DiscoveredStore implements Store {
  readonly name = 'memcached';
  readonly capabilities: StoreCapabilities;
  readonly shards: readonly [Shard, ...Shard[]];
  private readonly follower: ListFollower;
  private readonly markKey: string;
  /** The servers that the source names, by their text. No others are connected to, whatever a mark says. */
  private readonly named = new Map<string, Named>();
  private seats: readonly Seat[] = [];
  private terms = 0;

  constructor(private readonly options: DiscoveredOptions) {
    const { discover: source, every, server } = options;
    if (typeof source?.list !== 'function' || typeof source.name !== 'string' || !/^.{1,100}$/.test(source.name)) {
      const remedy = "Give configEndpoint('host:port'), dnsServers('host'), or { name, list }.";
      throw new InvalidOptionError('servers.discover', 'it is no source of servers', remedy);
    }
    this.capabilities = { ...options.capabilities, movesKeys: true };
    this.markKey = `~servers:${createHash('sha256').update(source.name).digest('base64url')}`;
    const seatOf = (part: number) => async (): Promise<Seat> => {
      await this.follower.listInForce();
      return this.seats[part % this.seats.length] as Seat;
    };
    const listsFor = (part: number) => (seat: Seat) => this.seats.indexOf(seat) === part;
    const shards = Array.from({ length: partCount }, (_, part): Shard => {
      return new MovingShard(`memcached ${source.name} part ${part}`, part, seatOf(part), listsFor(part));
    });
    this.shards = shards as [Shard, ...Shard[]];
    this.follower = new ListFollower({
      store: this.name,
      source,
      network: sourceNetwork(server),
      everyMs: positiveMilliseconds(every ?? source.every ?? '5s', 'servers.every'),
      patienceMs: server.connectTimeoutMs + server.commandTimeoutMs,
      clock: server.clock,
      random: options.random,
      ask: (ask) => this.askMark(ask),
      named: (servers) => this.meet(servers),
      adopted: (list) => this.adopt(list),
      closesOld: options.closesOldList,
    });
  }

  shardOf(storeKey: string): Shard {
    return this.shards[partOf(storeKey)] as Shard;
  }

  open(): Promise<void> {
    for (const { server } of this.named.values()) server.open();
    return this.follower.open();
  }

  close(): Promise<void> {
    this.follower.close();
    for (const { server } of this.named.values()) server.close();
    return Promise.resolve();
  }

  private meet(servers: readonly string[]): void {
    for (const text of servers) {
      if (this.named.has(text)) continue;
      const [address] = parseServers(text);
      const server = new MemcachedServer(address, this.options.server);
      this.named.set(text, { server, shard: this.shardOn(server) });
    }
  }

  private adopt(list: ListMark): void {
    for (const [text, { server }] of this.named) {
      if (list.servers.includes(text)) continue;
      server.close();
      this.named.delete(text);
    }
    const term = ++this.terms;
    this.seats = list.servers.map((text) => {
      const { server } = this.named.get(text) as Named;
      return new Seat({
        server: text,
        shard: this.shardOn(server),
        list,
        term,
        markKey: this.markKey,
        onMoved: (mark) => this.follower.moved(mark),
        isConnected: () => server.ready !== undefined,
        confirms: this.options.confirmsList,
      });
    });
  }

  private async askMark(ask: MarkAsk): Promise<MarkReply> {
    const named = this.named.get(ask.server);
    return named && askMark(named.shard, this.markKey, ask);
  }

  private shardOn(server: MemcachedServer): MemcachedShard {
    const { maxItemBytes, feedTuning, server: options } = this.options;
    return new MemcachedShard(server, maxItemBytes, options.clock, new MemcachedFeeds(feedTuning));
  }
}
