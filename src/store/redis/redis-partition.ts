import type { RedisArgument, RedisReply } from './driver/redis-driver.js';
import { keySlot } from './key-slot.js';
import type { RedisAccess } from './redis-access.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisScript } from './redis-script.js';
import { RedisServerError } from './redis-server-error.js';

/** Who answers, and who answered before. */
export interface MetIncarnation {
  readonly present: string;
  /** What the name of each incarnation with the same data begins with. */
  readonly same: string;
  readonly known: string | undefined;
}

/**
 * Called on a connection before any other command of the partition, with who answers there and who answered before. It resolves when whatever the old
 * data proved is worth nothing any more; until then the partition's commands wait.
 */
export type MeetIncarnation = (connection: RedisConnection, met: MetIncarnation) => Promise<void>;

/** Keys that share a slot, and so live and fail as one: all keys outside a Cluster, those of one hash tag in it. */
export class RedisPartition {
  readonly slot: number;
  /** Who answered last. Survives lost connections: that is what it is for. */
  private known: string | undefined;
  private met: RedisConnection | undefined;
  private meeting: { readonly connection: RedisConnection; readonly done: Promise<void> } | undefined;

  /** @param prefix stands before every key: `{app~17}` in a Cluster. */
  constructor(
    readonly access: RedisAccess,
    readonly prefix: string,
    private readonly onIncarnation?: MeetIncarnation,
  ) {
    this.slot = keySlot(prefix);
  }

  /** The connection, if it stands and its server was met. */
  get ready(): RedisConnection | undefined {
    const connection = this.access.ready(this.slot);
    return connection !== undefined && connection === this.met ? connection : undefined;
  }

  /**
   * The connection, its server met.
   * @param prepare is done on it, and once more on another owner's where this one refuses.
   * @throws RedisServerError, StoreUnavailableError
   */
  async connected(prepare?: (connection: RedisConnection) => Promise<void>): Promise<RedisConnection> {
    const again = async (connection: RedisConnection): Promise<RedisConnection> => {
      await this.meet(connection);
      await prepare?.(connection);
      return connection;
    };
    try {
      return await again(await this.access.connected(this.slot));
    } catch (error) {
      if (!(error instanceof RedisServerError)) throw error;
      return this.access.follow(error, this.slot, { again });
    }
  }

  /**
   * One command, on whichever server holds the keys by the end of the deadline.
   * @param guard called before it is sent to a server that was met after the call; what it throws is the answer.
   * @throws RedisServerError, StoreUnavailableError
   */
  async ask(args: readonly RedisArgument[], isUrgent = false, guard?: () => void): Promise<RedisReply> {
    const connection = this.ready ?? (await this.connected());
    guard?.();
    try {
      return await connection.ask(args, isUrgent);
    } catch (error) {
      if (!(error instanceof RedisServerError)) throw error;
      return this.access.follow(error, this.slot, {
        again: async (owner) => {
          await this.meet(owner);
          guard?.();
          return owner.ask(args);
        },
        // Nothing is concluded from it: the slot is still the other's.
        onTheWay: async (other) => {
          // Both are urgent, so that nothing comes between them.
          const [, reply] = await Promise.all([other.ask(['ASKING'], true), other.ask(args, true)]);
          return reply;
        },
      });
    }
  }

  /**
   * Runs a script by its digest. The first time on a connection it is sent whole, ahead of all that follows there: thousands at once would otherwise be
   * refused one by one, and each of them send it. A server that has forgotten it is sent it again. @throws RedisServerError, StoreUnavailableError */
  async run(
    { sha1, source }: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    guard?: () => void,
  ): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...args];
    const { scripts } = this.ready ?? (await this.connected());
    const isKnown = scripts.has(sha1);
    scripts.add(sha1);
    try {
      return await this.ask(isKnown ? ['EVALSHA', sha1, ...rest] : ['EVAL', source, ...rest], false, guard);
    } catch (error) {
      if (!(error instanceof RedisServerError) || error.code !== 'NOSCRIPT') throw error;
      return this.ask(['EVAL', source, ...rest], false, guard);
    }
  }

  private async meet(connection: RedisConnection): Promise<void> {
    if (connection === this.met) return;
    if (this.meeting?.connection !== connection) {
      this.meeting = { connection, done: this.greet(connection) };
    }
    await this.meeting.done;
  }

  private async greet(connection: RedisConnection): Promise<void> {
    try {
      const { incarnation: present = '', sameData: same = present } = connection.identity ?? {};
      await this.onIncarnation?.(connection, { present, same, known: this.known });
      this.known = present;
      this.met = connection;
    } catch (error) {
      // A server that was not met is not used: the next connection tries again. One that has refused is well, and others may use it.
      if (!(error instanceof RedisServerError)) connection.end('it was refused at the greeting');
      throw error;
    } finally {
      this.meeting = undefined;
    }
  }
}
