import type { Clock } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { assertRecords, keyOfChange } from '../feed.js';
import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from '../feed.js';
import { itemOf } from '../item-ask.js';
import type { ItemAsk } from '../item-ask.js';
import { assertStoreKey } from '../store-key.js';
import type { ItemWrite, RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store.js';
import { changeAlone } from './change-alone.js';
import type { Command, Reply } from './conversation.js';
import { exchange } from './exchange.js';
import type { MemcachedFeeds } from './memcached-feeds.js';
import type { MemcachedServer } from './memcached-server.js';
import { CrawlerBusyError, metadump } from './metadump.js';
import type { MetaConnection } from './meta-connection.js';
import type { MetaReply } from './meta-reply.js';
import { NoStub } from './no-stub.js';
import { leastAgeMs, lifeGiven, secondsToLive } from './seconds-to-live.js';
import { hasNoRoom, memcachedUnavailable } from './server-error.js';
import { serverFacts } from './server-facts.js';
import { tellInvalidation } from './told-invalidation.js';
import { touchItem } from './touch-item.js';
import { tellWrite } from './told-write.js';
import type { ToldWrite } from './told-write.js';
import type { Refusal } from './waiting-commands.js';

/** What memcached keeps with an item counts against its limit: a head, a revision, the key, a page's rounding. */
const itemOverheadBytes = 512;
/** The crawler rests between its steps. */
const crawlerQuietMs = 5_000;
/** The server crawls by itself, too, for a moment. */
const crawlerBusyMs = 10_000;
const crawlerPauseMs = 50;
/** Until the server has said its own. */
const usualItemSizeMax = 2 ** 20;

/** One memcached server, in the commands of its meta protocol (doc/protocol.txt of memcached 1.6). */
export class MemcachedShard implements Shard {
  readonly name: string;
  private readonly noStub: NoStub;

  constructor(
    private readonly server: MemcachedServer,
    private readonly maxItemBytes: number,
    private readonly clock: Clock,
    private readonly feeds: MemcachedFeeds,
  ) {
    this.name = server.name;
    this.noStub = new NoStub(server.name, clock);
  }

  /**
   * Whether the server makes room by throwing items away: locks and counters can be lost there. Started with `-M`, it refuses instead.
   * @throws StoreUnavailableError
   */
  async evicts(): Promise<boolean> {
    await this.server.connected();
    return this.server.evictsItems ?? true;
  }

  /** What the server counts, of all that it holds: others may keep items there. @throws StoreUnavailableError */
  async stats(): Promise<Readonly<Record<string, string | number>>> {
    const connection = this.server.ready ?? (await this.server.connected());
    return new Promise((resolve, reject) => {
      connection.stats('stats', (error, lines) => (error ? reject(this.failed(error)) : resolve(serverFacts(lines))));
    });
  }

  /** By the server's crawler, one listing at a time: one that is busy is waited for. @throws StoreUnavailableError */
  async *keys(prefix: string): AsyncGenerator<string, void, undefined> {
    const until = this.clock.monotonic() + crawlerBusyMs;
    for (;;) {
      const socket = await this.server.extraSocket();
      try {
        return yield* metadump(socket, prefix, crawlerQuietMs, this.clock);
      } catch (cause) {
        const mayWait = cause instanceof CrawlerBusyError && this.clock.monotonic() < until;
        if (!mayWait) throw this.server.unavailable(`its keys can't be listed (${(cause as Error).message})`, cause);
        await this.clock.sleep(crawlerPauseMs);
      }
    }
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.askEach(
      storeKeys,
      (key) => `mg ${key} v c t f`,
      (reply, session) => (reply.code === 'EN' ? undefined : this.itemOf(reply, session)),
    );
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const seconds = secondsToLive(stubMs, this.clock);
    return this.askEach(
      storeKeys,
      (key) => `mg ${key} v c t f N${seconds}`,
      (reply, session) =>
        reply.code === 'EN' ? itemOf(this.noStub.answer(reply)) : { ...this.itemOf(reply, session), won: reply.won },
    );
  }

  readInto(questions: readonly ItemAsk[]): boolean {
    for (const { storeKey } of questions) assertStoreKey(storeKey);
    const { ready } = this.server;
    if (!ready || ready.isShutdown()) return false;
    for (const question of questions) {
      const { storeKey, stubMs } = question;
      ready.ask(question, `mg ${storeKey} v c t f N${secondsToLive(stubMs, this.clock)}`, this.refuse);
    }
    return true;
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    const [outcome] = await this.writeMany([{ storeKey, bytes, options }]);
    return outcome as WriteOutcome;
  }

  async writeMany(writes: readonly ItemWrite[]): Promise<WriteOutcome[]> {
    for (const { storeKey } of writes) assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    const told = writes.map(({ storeKey, bytes, options }) => this.toldWrite(connection, storeKey, bytes, options));
    const replies = await this.exchange(
      connection,
      told.flatMap(({ commands }) => commands),
    );
    let at = 0;
    return told.map((write) => this.outcomeOf(write, replies.slice(at, (at += write.commands.length))));
  }

  async remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    if (revision && revision.session !== connection.session) return 'changed';
    const line = `md ${storeKey}${revision ? ` C${revision.number}` : ''}`;
    const reply = this.understood(await this.say(connection, { line }));
    if (reply.code === 'HD') return 'removed';
    if (reply.code === 'NF') return 'absent';
    if (reply.code === 'EX') return 'changed';
    throw this.unexpected(reply);
  }

  async increment(storeKey: string, by: number, seed: number, lifeMs = Infinity): Promise<number> {
    const seconds = secondsToLive(lifeMs, this.clock);
    const [sum] = await this.askEach(
      [storeKey],
      (key) => `ma ${key} v N${seconds} J${seed} D${by} T${seconds}`,
      (reply) => Number(this.valueOf(reply).toString('latin1')),
    );
    if (sum === undefined || !Number.isSafeInteger(sum)) throw this.server.unavailable(`${storeKey} holds no counter`);
    return sum;
  }

  async touch(storeKey: string, lifeMs: number): Promise<boolean> {
    assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    const { seconds } = lifeGiven(lifeMs, true, this.clock);
    const touched = await touchItem(storeKey, seconds, (command) => this.say(connection, command));
    if (touched === undefined) throw this.server.unavailable('an unexpected answer to a touch');
    return touched;
  }

  async invalidate({ feed, changes, records, watch }: Invalidation): Promise<Invalidated> {
    assertStoreKey(watch);
    assertStoreKey(feed);
    assertRecords(records);
    for (const change of changes) assertStoreKey(keyOfChange(change));
    const connection = this.server.ready ?? (await this.server.connected());
    const told = tellInvalidation(changes, (change) =>
      this.toldWrite(connection, change.write, change.bytes, change.options),
    );
    const around = { ...told, watch: { line: `mg ${watch} c` }, itemSizeMax: this.itemSizeMax };
    try {
      const { replies, watched, inParts } =
        records.length > 0
          ? await this.feeds.append(connection, feed, around, records)
          : await changeAlone(connection, around.changes, around.watch);
      const outcomes = told.outcomes(
        replies,
        (write, own) => this.outcomeOf(write, own),
        (reply) => this.understood(reply),
      );
      return { outcomes, watched: this.watchedRevision(watched, connection.session), inParts };
    } catch (error) {
      throw error instanceof StoreUnavailableError ? error : this.failed(error);
    }
  }

  async readFeed(question: FeedQuestion): Promise<FeedReading> {
    assertStoreKey(question.watch);
    assertStoreKey(question.feed);
    const connection = this.server.ready ?? (await this.server.connected());
    const watch = { line: `mg ${question.watch} v c t f` };
    try {
      const { watched, ...reading } = await this.feeds.read(connection, question, watch);
      const item = this.understood(watched);
      return { ...reading, watched: item.code === 'EN' ? undefined : this.itemOf(item, connection.session) };
    } catch (error) {
      throw error instanceof StoreUnavailableError ? error : this.failed(error);
    }
  }

  /** One command per key. Commands of one turn, this batch's and others', leave in one write and are answered in order. */
  private async askEach<R>(
    storeKeys: readonly string[],
    line: (storeKey: string) => string,
    read: (reply: MetaReply, session: number) => R,
  ): Promise<R[]> {
    for (const key of storeKeys) assertStoreKey(key);
    const connection = this.server.ready ?? (await this.server.connected());
    const commands = storeKeys.map((key) => ({ line: line(key) }));
    const replies = await this.exchange(connection, commands);
    return replies.map((reply) => read(this.understood(reply), connection.session));
  }

  /** @throws StoreUnavailableError */
  private exchange(connection: MetaConnection, commands: readonly Command[]): Promise<Reply[]> {
    return exchange(connection, commands).catch((error: unknown) => {
      throw this.failed(error);
    });
  }

  private toldWrite(connection: MetaConnection, storeKey: string, bytes: Uint8Array, options: WriteOptions): ToldWrite {
    const maxBytes = Math.min(this.maxItemBytes, this.itemSizeMax - itemOverheadBytes - storeKey.length);
    const { clock, server } = this;
    return tellWrite(storeKey, bytes, options, maxBytes, {
      session: connection.session,
      clock,
      serverClock: server.clock,
    });
  }

  private outcomeOf(told: ToldWrite, replies: readonly Reply[]): WriteOutcome {
    const outcome = told.outcome(replies);
    if (outcome instanceof Error) throw this.failed(outcome);
    if (outcome) return outcome;
    const [understood] = replies.map((reply) => this.understood(reply)) as [MetaReply];
    throw understood.code === 'HD'
      ? this.server.unavailable('an answer without its revision')
      : this.unexpected(understood);
  }

  /** @throws StoreUnavailableError */
  private async say(connection: MetaConnection, command: Command): Promise<Reply> {
    const [reply] = await this.exchange(connection, [command]);
    return reply as Reply;
  }

  private readonly refuse: Refusal = (question, error, reply) => {
    if (reply?.code === 'EN') question.answer(this.noStub.answer(reply));
    else question.refuse(this.failed(error ?? new Error('an answer that is no item')));
  };

  private get itemSizeMax(): number {
    return this.server.itemSizeMax ?? usualItemSizeMax;
  }

  private itemOf(reply: MetaReply, session: number): StoredItem {
    const item = { bytes: this.valueOf(reply), revision: this.revisionOf(reply, session) };
    const ageMs = leastAgeMs(reply.clientFlags, reply.secondsLeft);
    return ageMs === undefined ? item : { ...item, ageMs };
  }

  private watchedRevision(reply: Reply | undefined, session: number): Revision | undefined {
    const understood = this.understood(reply);
    return understood.code === 'EN' ? undefined : this.revisionOf(understood, session);
  }

  private valueOf(reply: MetaReply): Buffer {
    if (!reply.value) throw this.unexpected(reply);
    return reply.value;
  }

  private revisionOf({ revision }: MetaReply, session: number): Revision {
    if (revision === undefined || !Number.isSafeInteger(revision))
      throw this.server.unavailable('an answer without its revision');
    return { session, number: revision };
  }

  private understood(reply: Reply | undefined): MetaReply {
    if (reply && 'code' in reply) return reply;
    throw this.failed(reply);
  }

  private failed(error: unknown): StoreUnavailableError {
    const problem = error instanceof Error ? error.message : 'no answer';
    const isRefusal = hasNoRoom(error);
    if (isRefusal) this.noStub.reportFull();
    return memcachedUnavailable(this.server.name, problem, { cause: error, isRefusal });
  }

  private unexpected({ code }: MetaReply): StoreUnavailableError {
    return this.server.unavailable(`an unexpected ${code.slice(0, 20)}`);
  }
}
