import { StoreUnavailableError } from '../../value/errors.js';
import type { Revision, StoredItem } from '../item.js';
import { assertStoreKey } from '../store-key.js';
import type { RedisArgument, RedisReply } from './driver/redis-driver.js';
import { foreignBytes, foreignHeadBytes, foreignRevision } from './foreign-item.js';
import type { RedisConnection } from './redis-connection.js';
import { MovedMeanwhileError } from './moved-meanwhile-error.js';
import { mayBeOfAnotherKey, openItem, payloadStart, revisionIn } from './redis-item.js';
import { RedisPartition } from './redis-partition.js';
import { RareFaults } from '../../value/rare-faults.js';
import { itemsOf, textOf } from './redis-reply.js';
import type { RedisScript } from './redis-script.js';
import { lookAgain } from './redis-scripts.js';
import {
  refusalCode,
  refusesWrites,
  RedisServerError,
  redisUnavailable,
  takesNoWrites,
  UnsettledError,
} from './redis-server-error.js';
import { RedisSession } from './redis-session.js';
import type { FeedKeys } from './redis-session.js';
import type { RedisShardSettings } from './redis-shard-settings.js';
import { ServerTime } from './server-time.js';
import { counterRevision } from './told-change.js';
import { newWord } from './redis-word.js';

/** Servers that come and go are left alone. */
const maxSessions = 3;

/** What `askToWrite` answers for a server that takes no writes now. */
export const writeRefused = Symbol('the server takes no writes');
/** What it answers where a list or a hash stands in place of a text. */
export const wrongType = Symbol('no text');

/** How a shard speaks to its servers: every answer is one of the session that it was asked in, and every failure a StoreUnavailableError. */
export class RedisCommands {
  readonly session: RedisSession;
  readonly partition: RedisPartition;
  readonly time: ServerTime;
  private readonly faults: RareFaults;
  /** When a server has answered a command on keys last, on the monotonic clock. One that lost them goes on answering others. */
  private answeredAt: number;

  constructor(private readonly settings: RedisShardSettings) {
    this.answeredAt = settings.clock.monotonic();
    this.faults = new RareFaults(settings.name, settings.clock);
    this.session = new RedisSession(settings);
    this.partition = new RedisPartition(settings.access, settings.prefix, (connection, met) => {
      this.time.forget();
      if (connection.time) this.time.note(connection.time);
      return this.session.meet(connection, met, this.answeredAt);
    });
    this.time = new ServerTime(settings.clock);
  }

  async connected(): Promise<RedisConnection> {
    return this.partition.ready ?? (await this.settledOr(this.partition.connected()));
  }

  /** The connection, this feed begun there. @throws StoreUnavailableError */
  async connectedTo(feed: string, keys: FeedKeys): Promise<RedisConnection> {
    const { ready } = this.partition;
    if (ready && this.session.isSettled(feed)) return ready;
    return this.settledOr(this.partition.connected((connection) => this.session.ready(connection, feed, keys)));
  }

  /**
   * What was not done because another server, or another incarnation, has the keys by now is begun again in its session. What is bound to the earlier one
   * comes to nothing there, as everything does that a failover has overtaken.
   */
  async again<R>(operation: () => Promise<R>): Promise<R> {
    for (let tries = 1; ; tries++) {
      try {
        return await operation();
      } catch (error) {
        if (!(error instanceof MovedMeanwhileError) || tries === maxSessions) throw error;
      }
    }
  }

  /** No item is read before the readers of feeds know which data is read. */
  async readable(): Promise<void> {
    if (!this.partition.ready) await this.connected();
    if (this.session.holdsReadings) await this.session.allRead();
  }

  ask(args: readonly RedisArgument[]): Promise<RedisReply> {
    const { number: session } = this.session;
    return this.answer(this.partition.ask(args, false, () => this.assertSession(session)));
  }

  async askToWrite(args: readonly RedisArgument[]): Promise<RedisReply | typeof writeRefused | typeof wrongType> {
    const { number: session } = this.session;
    try {
      return await this.answer(this.partition.ask(args, false, () => this.assertSession(session)));
    } catch (error) {
      if (refusesWrites(error)) return writeRefused;
      if (refusalCode(error) === 'WRONGTYPE') return wrongType;
      throw error;
    }
  }

  /** What a script replies, without the word that it was called with. */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    session = this.session.number,
  ): Promise<readonly RedisReply[]> {
    const word = newWord();
    const running = this.partition.run(script, keys, [word, ...args], () => this.assertSession(session));
    const [echo, ...replies] = itemsOf(await this.answer(running)) ?? [];
    if (textOf(echo) !== word) throw this.crossed();
    return replies;
  }

  /** Asked with each reading of the feed: clocks drift. @throws StoreUnavailableError */
  async readTime(connection: RedisConnection): Promise<void> {
    const { clock } = this.settings;
    const sentAt = clock.monotonic();
    const reply = itemsOf(await this.settledOr(connection.ask(['TIME'])));
    const [seconds, microseconds] = [Number(textOf(reply?.[0])), Number(textOf(reply?.[1]))];
    const serverMs = seconds * 1_000 + microseconds / 1_000;
    if (serverMs > 0) this.time.note({ serverMs, sentAt, receivedAt: clock.monotonic() });
  }

  /** As a command without a word has it: `'foreign'` may belong to another one. */
  itemOf(key: string, value: RedisReply | undefined): StoredItem | 'foreign' | undefined {
    if (value === null || value === undefined) return undefined;
    if (!Buffer.isBuffer(value)) throw this.crossed();
    const { number: session } = this.session;
    const item = openItem(key, value);
    if (item === 'foreign') return item;
    if (item !== 'digits') {
      const ageMs = this.time.ageMs(item.writtenAt);
      const found = { bytes: item.payload, revision: { session, number: item.revision } };
      return ageMs === undefined ? found : { ...found, ageMs };
    }
    return { bytes: value, revision: { session, number: counterRevision(value.toString('latin1')) } };
  }

  /** As `itemOf`, of what a script has read: it gave back its word, so that what it says stands there does. */
  itemOfScript(key: string, value: RedisReply | undefined): StoredItem | undefined {
    const item = this.itemOf(key, value);
    return item === 'foreign' ? this.foreignItem(value as Buffer) : item;
  }

  /** As `itemOfScript`, of an item of which the head was read. */
  revisionOf(key: string, head: RedisReply): Revision | undefined {
    if (head === null) return undefined;
    if (!Buffer.isBuffer(head)) throw this.crossed();
    const start = payloadStart(key, head);
    if (start === 'foreign') return this.foreignItem(head).revision;
    const number = start === 'digits' ? counterRevision(head.toString('latin1')) : revisionIn(head);
    return { session: this.session.number, number };
  }

  /** What was written by somebody else. @param value as it was read, or its first bytes; absent: it is no text. */
  foreignItem(value?: Buffer): StoredItem {
    return { bytes: foreignBytes, revision: { session: this.session.number, number: foreignRevision(value) } };
  }

  /**
   * Whether a reply belongs to this key, and was written there by somebody else: asks for its first bytes again, by a script that gives back its word.
   * Undefined: something else stands there by now; ask again.
   * @throws StoreUnavailableError: it belongs to another command. The connection has ended.
   */
  async foreignOrCrossed(key: string, value: Buffer): Promise<StoredItem | undefined> {
    const [head] = await this.run(lookAgain, [key], []);
    if (Buffer.isBuffer(head) && head.equals(value.subarray(0, foreignHeadBytes))) return this.foreignItem(value);
    if (mayBeOfAnotherKey(value)) throw this.crossed();
    return undefined;
  }

  /** Which server has a key is told by its slot. */
  get isSharded(): boolean {
    return this.settings.access.isSharded;
  }

  wireKey(storeKey: string): string {
    assertStoreKey(storeKey);
    return this.settings.prefix + storeKey;
  }

  /** Replies belong to other commands than they are given to: nothing that this connection says can be believed. */
  crossed(): StoreUnavailableError {
    this.partition.ready?.end('a reply to another command');
    return this.unavailable('a reply to another command');
  }

  /** As `settledOr`, of a command on keys: it may acknowledge a change. */
  private async answer<R>(running: Promise<R>): Promise<R> {
    try {
      const reply = await running;
      this.answeredAt = this.settings.clock.monotonic();
      return reply;
    } catch (error) {
      throw this.failed(error);
    }
  }

  async settledOr<R>(answer: Promise<R>): Promise<R> {
    try {
      return await answer;
    } catch (error) {
      throw this.failed(error);
    }
  }

  unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return redisUnavailable(this.settings.name, problem, { cause });
  }

  /** Each refused write would say it. */
  private reportRefusal(error: RedisServerError): void {
    const said =
      error instanceof UnsettledError
        ? 'The server takes no writes and holds other data than before, or none: nothing is read from it until it takes writes.'
        : error.code === 'OOM'
          ? 'The server is full and evicts nothing: entries are not stored, and locks are unavailable; reads and invalidations go on. Give it more maxmemory, or entries a server that evicts and locks one of their own.'
          : 'The server takes no writes: entries are not stored, invalidations are not acknowledged, and locks are unavailable; reads go on.';
    this.faults.degraded(said, error.code === 'OOM' ? said : `${said} It says: ${error.message}`);
  }

  private assertSession(session: number): void {
    if (session !== this.session.number) throw new MovedMeanwhileError(this.settings.name);
  }

  /** What a question is refused with. */
  failed(error: unknown): StoreUnavailableError {
    if (error instanceof StoreUnavailableError) return error;
    // Of a command that is bound to its connection, and is not sent again elsewhere: the next one goes to the new owner.
    if (error instanceof RedisServerError) this.settings.access.learn(error, this.partition.slot);
    const takesNone = error instanceof RedisServerError && takesNoWrites.has(error.code);
    if (takesNone) this.reportRefusal(error);
    const problem = error instanceof Error ? error.message : 'no answer';
    const isRefusal = takesNone && !(error instanceof UnsettledError);
    return redisUnavailable(this.settings.name, problem, { cause: error, isRefusal });
  }
}
