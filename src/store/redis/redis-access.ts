import type { RedisConnection } from './redis-connection.js';

/** How something is done once more that a server has refused. */
export interface WaysToFollow<R> {
  /** On the connection of the slot's owner, who may be another one by now. What it is refused with is followed in turn. */
  readonly again: (connection: RedisConnection) => Promise<R>;
  /** On the connection of a server that the slot is on its way to, where its keys are already. Absent: the slot is waited for. */
  readonly onTheWay?: (connection: RedisConnection) => Promise<R>;
}

/** One Redis, however many servers it is made of: says which connection a slot's commands go to. */
export interface RedisAccess {
  /** For people: the servers as they were named, without users and passwords. */
  readonly name: string;
  open(): void;
  close(): void;
  /** The connection for this slot, if it stands. Outside a Cluster all slots are one. */
  ready(slot: number): RedisConnection | undefined;
  /** The connection for this slot, made if need be. @throws StoreUnavailableError */
  connected(slot: number): Promise<RedisConnection>;
  /** A connection of the slot's server that nobody else uses; whoever asks for it ends it. @throws StoreUnavailableError */
  ownConnection(
    slot: number,
    onEnd?: (connection: RedisConnection, reason: string) => void,
    commandTimeoutMs?: number,
  ): Promise<RedisConnection>;
  /**
   * Does what a refusal asks for, within the deadline: a slot has moved or is on its way.
   * @throws the refusal, where it asks for nothing; StoreUnavailableError.
   */
  follow<R>(refusal: Error, slot: number, ways: WaysToFollow<R>): Promise<R>;
  /** Channels belong to slots, as keys do. */
  readonly isSharded: boolean;
  /** Which server has this slot; undefined: nobody knows yet. Outside a Cluster it is always the same. */
  homeOf(slot: number): string | undefined;
  /** A refusal that came by another way than `follow`: the slot may have moved. */
  learn(refusal: Error, slot: number): void;
  /** A connection to each primary. Rejects where one of them can't be reached. @throws StoreUnavailableError */
  allConnected(): Promise<readonly RedisConnection[]>;
}
