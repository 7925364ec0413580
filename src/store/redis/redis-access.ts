import type { RedisArgument, RedisReply } from './driver/redis-driver.js';
import type { RedisConnection } from './redis-connection.js';

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
   * Sends this command again where that is what a refusal asks for, within the deadline: a slot that has moved or is on its way.
   * @param meet prepares the connection of a new owner, before the command goes there.
   * @throws the refusal, where it asks for nothing; StoreUnavailableError.
   */
  follow(
    refusal: Error,
    slot: number,
    args: readonly RedisArgument[],
    meet: (connection: RedisConnection) => Promise<void>,
  ): Promise<RedisReply>;
  /** Channels belong to slots, as keys do. */
  readonly isSharded: boolean;
  /** Which server has this slot; undefined: nobody knows yet. Outside a Cluster it is always the same. */
  homeOf(slot: number): string | undefined;
  /** A refusal that came by another way than `follow`: the slot may have moved. */
  learn(refusal: Error, slot: number): void;
  /** A connection to each primary. Rejects where one of them can't be reached. @throws StoreUnavailableError */
  allConnected(): Promise<readonly RedisConnection[]>;
}
