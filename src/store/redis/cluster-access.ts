import { StoreUnavailableError } from '../../value/errors.js';
import { wasClosed } from '../../value/was-closed.js';
import { ClusterTopology } from './cluster-topology.js';
import type { RedisAccess, WaysToFollow } from './redis-access.js';
import { redirectionIn } from './redis-address.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisServer } from './redis-server.js';
import type { RedisServerSettings } from './redis-server.js';
import { RedisServerError } from './redis-server-error.js';

/** The nodes are not asked for the slots more often than this. */
const refreshPauseMs = 200;
const tryAgainPauseMs = { first: 5, longest: 50 };
/** Refusals that end by themselves once the slot has arrived. */
const isOverSoon = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/** A Redis that is a Cluster: each slot has one primary, and a node that dies costs its slots only. */
export class ClusterAccess implements RedisAccess {
  readonly name: string;
  readonly isSharded = true;
  private readonly topology = new ClusterTopology();
  private readonly servers = new Map<string, RedisServer>();
  /**
   * Nodes that may be cut off, the latest last: they said that the cluster is down, or were asked for the slots as replicas. One that is well again is no
   * worse for being asked after others.
   */
  private readonly cutOff = new Set<string>();
  private askedReplica: RedisServer | undefined;
  private refreshing: Promise<void> | undefined;
  private refreshedAt = -Infinity;
  private isClosed = false;

  constructor(
    private readonly seeds: readonly RedisAddress[],
    private readonly settings: RedisServerSettings,
  ) {
    this.name = `redis cluster ${seeds.map(({ text }) => text).join(', ')}`;
  }

  open(): void {
    this.isClosed = false;
    for (const server of this.servers.values()) server.open();
  }

  close(): void {
    this.isClosed = true;
    for (const server of this.servers.values()) server.close();
    this.askedReplica?.close();
  }

  ready(slot: number): RedisConnection | undefined {
    const owner = this.topology.ownerOf(slot);
    return owner && this.servers.get(owner.text)?.ready;
  }

  async connected(slot: number): Promise<RedisConnection> {
    return this.ready(slot) ?? this.reached(slot, (server) => server.connected());
  }

  ownConnection(
    slot: number,
    onEnd?: (connection: RedisConnection, reason: string) => void,
    commandTimeoutMs?: number,
  ): Promise<RedisConnection> {
    return this.reached(slot, (server) => server.ownConnection(onEnd, commandTimeoutMs));
  }

  async follow<R>(refusal: Error, slot: number, { again, onTheWay }: WaysToFollow<R>): Promise<R> {
    const { clock, commandTimeoutMs } = this.settings;
    const giveUpAt = clock.monotonic() + commandTimeoutMs;
    let pauseMs = tryAgainPauseMs.first;
    for (let last = refusal; ;) {
      if (!(last instanceof RedisServerError)) throw last;
      if (clock.monotonic() > giveUpAt) throw this.unavailable(`the slot of its keys is on its way: ${last.code}`);
      try {
        if (last.code === 'ASK' && onTheWay) return await onTheWay(await this.namedIn(last, slot).connected());
        if (last.code === 'MOVED' && this.noteMove(last, slot)) pauseMs = tryAgainPauseMs.first;
        else if (isOverSoon.has(last.code)) {
          await clock.sleep(pauseMs);
          pauseMs = Math.min(pauseMs * 2, tryAgainPauseMs.longest);
        } else if (last.code === 'CLUSTERDOWN') {
          this.askOthers(slot);
          throw this.unavailable('the cluster says that it is down');
        } else throw last;
        return await again(await this.connected(slot));
      } catch (error) {
        if (error === last || !(error instanceof RedisServerError)) throw error;
        last = error;
      }
    }
  }

  homeOf(slot: number): string | undefined {
    return this.topology.ownerOf(slot)?.text;
  }

  learn(refusal: Error, slot: number): void {
    if (!(refusal instanceof RedisServerError)) return;
    if (refusal.code === 'MOVED') this.noteMove(refusal, slot);
    if (refusal.code === 'CLUSTERDOWN') this.askOthers(slot);
  }

  async allConnected(): Promise<readonly RedisConnection[]> {
    await this.refresh();
    return Promise.all(this.topology.primaries.map((address) => this.serverAt(address).connected()));
  }

  /** Asks a slot's owner; where that fails, whether it has another one by now. */
  private async reached(
    slot: number,
    use: (server: RedisServer) => Promise<RedisConnection>,
  ): Promise<RedisConnection> {
    if (this.isClosed) throw this.unavailable(wasClosed);
    const known = this.topology.ownerOf(slot);
    if (!known) await this.refresh();
    const owner = this.topology.ownerOf(slot);
    if (!owner) throw this.unavailable(`no node holds slot ${slot}`);
    try {
      return await use(this.serverAt(owner));
    } catch (error) {
      await this.refresh().catch(() => {});
      const present = this.topology.ownerOf(slot);
      if (!present || present.text === owner.text) throw error;
      return use(this.serverAt(present));
    }
  }

  /** @returns whether it names another node than the one that was asked. */
  private noteMove(refusal: RedisServerError, slot: number): boolean {
    const owner = this.addressIn(refusal, slot);
    const isNews = owner !== undefined && owner.text !== this.topology.ownerOf(slot)?.text;
    if (isNews) this.topology.move(slot, owner);
    // Whoever has the slot by now knows of it; others may have heard nothing yet, and would send it back.
    void this.refresh(owner).catch(() => {});
    return isNews;
  }

  /** A node that is cut off from most of the others says that all is down, and takes itself for the owner of its slots as before. */
  private askOthers(slot: number): void {
    const owner = this.topology.ownerOf(slot);
    // Just after the owners were told, it may be the former one that has refused.
    if (owner && !this.isFresh) this.askLast(owner);
    void this.refresh().catch(() => {});
  }

  private askLast({ text }: RedisAddress): void {
    this.cutOff.delete(text);
    this.cutOff.add(text);
  }

  private get isFresh(): boolean {
    return this.settings.clock.monotonic() - this.refreshedAt < refreshPauseMs;
  }

  /** The server that a refusal names. */
  private namedIn(refusal: RedisServerError, slot: number): RedisServer {
    const owner = this.addressIn(refusal, slot);
    if (!owner) throw this.unavailable('the slot of its keys is on its way');
    return this.serverAt(owner);
  }

  private addressIn({ message }: RedisServerError, slot: number): RedisAddress | undefined {
    return redirectionIn(message, this.topology.ownerOf(slot)?.host ?? '');
  }

  private serverAt(address: RedisAddress): RedisServer {
    const known = this.servers.get(address.text);
    if (known) return known;
    const server = new RedisServer(address, this.settings);
    // What is met while a command still ends, nobody would close.
    if (this.isClosed) server.close();
    this.servers.set(address.text, server);
    return server;
  }

  /**
   * Asks the nodes that are known, one after the other, for the owners of the slots.
   * @param first is asked before all others. Those that are cut off are asked after all others: each may name the next one.
   * @throws StoreUnavailableError
   */
  private refresh(first?: RedisAddress): Promise<void> {
    if (this.isFresh) return Promise.resolve();
    this.refreshing ??= this.readSlots(first).finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private async readSlots(first: RedisAddress | undefined): Promise<void> {
    const known = [...this.topology.primaries, ...this.seeds];
    const ready = known.filter(({ text }) => this.servers.get(text)?.ready);
    const unique = new Map([...(first ? [first] : []), ...ready, ...known].map((address) => [address.text, address]));
    for (const text of this.cutOff) {
      const address = unique.get(text);
      if (address && text !== first?.text && unique.delete(text)) unique.set(text, address);
    }
    let failure: unknown;
    const replicas: RedisAddress[] = [];
    for (const address of unique.values()) {
      const server = this.serverAt(address);
      try {
        return await this.readSlotsOf(server);
      } catch (error) {
        failure = error;
        if (server.isReplica) replicas.push(address);
      }
    }
    for (const address of replicas) {
      try {
        return await this.readSlotsOfReplica(address);
      } catch (error) {
        failure = error;
      }
    }
    if (failure instanceof StoreUnavailableError) throw failure;
    throw new StoreUnavailableError(this.name, 'no node says who holds which slot', { cause: failure });
  }

  private async readSlotsOf(server: RedisServer): Promise<void> {
    const connection = await server.connected();
    const reply = await connection.ask(['CLUSTER', 'SLOTS'], true);
    if (!this.topology.read(reply, server.address)) throw this.unavailable('it does not say who holds which slot');
    this.refreshedAt = this.settings.clock.monotonic();
    this.forgetOthers();
  }

  /** All nodes that are known may have been failed over. A replica may be cut off and name old primaries, so the next time others are asked before it. */
  private async readSlotsOfReplica(address: RedisAddress): Promise<void> {
    this.askLast(address);
    // Its connection is used for nothing else: what it holds is not believed.
    this.askedReplica = new RedisServer(address, { ...this.settings, role: 'any' });
    if (this.isClosed) this.askedReplica.close();
    try {
      await this.readSlotsOf(this.askedReplica);
    } finally {
      this.askedReplica.close();
    }
  }

  /** Nodes that hold no slot any more, as an old primary after a failover. */
  private forgetOthers(): void {
    const present = new Set([...this.topology.primaries, ...this.seeds].map(({ text }) => text));
    for (const [text, server] of this.servers) {
      if (present.has(text)) continue;
      this.servers.delete(text);
      this.cutOff.delete(text);
      server.close();
    }
  }

  private unavailable(problem: string): StoreUnavailableError {
    return new StoreUnavailableError(this.name, problem);
  }
}
