import { StoreUnavailableError } from '../../value/errors.js';
import { assertRecords, keyOfChange } from '../feed.js';
import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from '../feed.js';
import type { RemoveOutcome, Revision, StoredItem, WriteOptions, WriteOutcome } from '../item.js';
import { assertStoreKey } from '../store-key.js';
import type { Shard } from '../store.js';
import type { RedisArgument, RedisReply } from './driver/redis-driver.js';
import type { RedisConnection } from './redis-connection.js';
import { newRevision, openItem, sealItem } from './redis-item.js';
import { RedisPartition } from './redis-partition.js';
import { isOk, itemsOf, textOf } from './redis-reply.js';
import type { RedisScript } from './redis-script.js';
import { increment, removeIf, writeIf } from './redis-scripts.js';
import { RedisServerError } from './redis-server-error.js';
import { RedisSession } from './redis-session.js';
import type { FeedKeys } from './redis-session.js';
import type { RedisShardSettings } from './redis-shard-settings.js';
import { isFull, readFeed, tellInvalidation } from './redis-feed.js';
import { counterRevision, expectedHead, lifeOnTheWire } from './told-change.js';
import { readFacts } from './redis-facts.js';
import { newWord } from './redis-word.js';

/** Keys of Redis that live and fail as one: all of a server's, or those of one hash tag of a Cluster. */
export class RedisShard implements Shard {
  readonly name: string;
  readonly session: RedisSession;
  /** Absent in a Cluster, whose nodes count by themselves. */
  readonly stats?: NonNullable<Shard['stats']>;
  private readonly partition: RedisPartition;

  constructor(private readonly settings: RedisShardSettings) {
    this.name = settings.name;
    this.session = new RedisSession(settings);
    this.partition = new RedisPartition(settings.access, settings.prefix, (connection, { present, known }) =>
      this.session.meet(connection, present, known),
    );
    if (settings.isWhole) this.stats = async () => readFacts(await this.ask(['INFO']), await this.ask(['DBSIZE']));
  }

  async evicts(): Promise<boolean> {
    const { identity } = await this.connected();
    return identity === undefined || (identity.maxMemory > 0 && identity.evictionPolicy !== 'noeviction');
  }

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    const keys = this.wireKeys(storeKeys);
    await this.readable();
    if (keys.length === 0) return [];
    const values = itemsOf(await this.ask(['MGET', ...keys]));
    if (values?.length !== keys.length) throw this.crossed();
    return keys.map((key, index) => this.itemOf(key, values[index]));
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const found = await this.readMany(storeKeys);
    const life = lifeOnTheWire({ lifeMs: stubMs });
    return Promise.all(
      found.map(async (item, index) => {
        if (item) return { ...item, won: false };
        const key = this.wireKey(storeKeys[index] as string);
        const revision = newRevision();
        const stub = sealItem(key, revision, nothing);
        const won = { bytes: nothing, revision: { session: this.session.number, number: revision }, won: true };
        const stands = await this.askUnlessFull(['SET', key, stub, 'NX', 'PX', life, 'GET']);
        const other = stands === full ? undefined : this.itemOf(key, stands);
        // A server that is full takes no stub: whoever loads then is refused when he fills.
        return other ? { ...other, won: false } : won;
      }),
    );
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    const key = this.wireKey(storeKey);
    await this.connected();
    this.session.willWrite(key);
    const { only } = options;
    const { maxItemBytes } = this.settings;
    if (bytes.length > maxItemBytes) return this.refuse(storeKey, only);
    const { number: session } = this.session;
    const revision = newRevision();
    const value = sealItem(key, revision, bytes);
    const life = lifeOnTheWire(options);
    const stored: WriteOutcome = { status: 'stored', revision: { session, number: revision } };
    if (typeof only === 'object') {
      const expected = expectedHead(only, session);
      if (expected === undefined) return { status: 'changed' };
      try {
        const [answer] = await this.run(writeIf, [key], [expected, value, life], session);
        return answer === 1 ? stored : { status: 'changed' };
      } catch (error) {
        if (!isFull(error)) throw error;
        // A fill that finds no memory is one that came too late: the server is well, and nobody need wait for the stub.
        await this.remove(storeKey, only);
        return { status: 'changed' };
      }
    }
    const set = ['SET', key, value, ...(life === '' ? [] : ['PX', life]), ...(only === 'absent' ? ['NX'] : [])];
    const reply = await this.ask(set);
    if (isOk(reply)) return stored;
    if (reply === null && only === 'absent') return { status: 'exists' };
    throw this.crossed();
  }

  async remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    const key = this.wireKey(storeKey);
    if (!revision) return (await this.ask(['UNLINK', key])) === 1 ? 'removed' : 'absent';
    await this.connected();
    const { number: session } = this.session;
    const expected = expectedHead(revision, session);
    if (expected === undefined) return 'changed';
    const [answer] = await this.run(removeIf, [key], [expected], session);
    return answer === 1 ? 'removed' : answer === 0 ? 'absent' : 'changed';
  }

  async increment(storeKey: string, by: number, seed: number, lifeMs = Infinity): Promise<number> {
    const [digits] = await this.run(
      increment,
      [this.wireKey(storeKey)],
      [String(by), String(seed), lifeOnTheWire({ lifeMs })],
    );
    const sum = Number(textOf(digits));
    if (!Number.isSafeInteger(sum)) throw this.unavailable(`${storeKey} holds no counter`);
    return sum;
  }

  async touch(storeKey: string, lifeMs: number): Promise<boolean> {
    const key = this.wireKey(storeKey);
    const life = lifeOnTheWire({ lifeMs });
    if (life !== '') return (await this.ask(['PEXPIRE', key, life])) === 1;
    const [, stands] = await Promise.all([this.ask(['PERSIST', key]), this.ask(['EXISTS', key])]);
    return stands === 1;
  }

  async invalidate(invalidation: Invalidation): Promise<Invalidated> {
    const { feed, watch, changes, records } = invalidation;
    assertRecords(records);
    for (const change of changes) assertStoreKey(keyOfChange(change));
    const keys = this.feedKeys(feed, watch);
    const connection = await this.connected();
    await this.settledOr(this.session.ready(connection, feed, keys));
    const { number: session } = this.session;
    return tellInvalidation(invalidation, {
      keys,
      session,
      clock: this.settings.clock,
      maxItemBytes: this.settings.maxItemBytes,
      wireKey: (storeKey) => this.wireKey(storeKey),
      run: (script, wireKeys, args) => this.run(script, wireKeys, args, session),
      revisionOf: (key, head) => this.itemOf(key, head)?.revision,
    });
  }

  /** A reading that was sent before a write of the watched item, and is answered after it, tells of what stood there before: it is done again. */
  async readFeed(question: FeedQuestion): Promise<FeedReading> {
    for (;;) {
      const { watchedWrites } = this.session;
      const reading = await this.readFeedOnce(question);
      if (watchedWrites !== this.session.watchedWrites) continue;
      this.session.wasRead(question.feed);
      return reading;
    }
  }

  private async readFeedOnce(question: FeedQuestion): Promise<FeedReading> {
    const { feed, watch } = question;
    const keys = this.feedKeys(feed, watch);
    const connection = await this.connected();
    await this.settledOr(this.session.ready(connection, feed, keys));
    const [role, reading] = await Promise.all([
      this.settledOr(connection.ask(['ROLE'])),
      readFeed(question, {
        session: this.session,
        run: (script, wireKeys, args) => this.run(script, wireKeys, args),
        begin: () => this.settledOr(this.session.settle(connection, feed, keys)),
        keys,
        itemOf: (key, value) => this.itemOf(key, value),
      }),
    ]);
    if (textOf(itemsOf(role)?.[0]) !== 'master') {
      // Demoted in place, it goes on answering, and what it holds is another server's.
      connection.end('it is a primary no more');
      throw this.unavailable('it is a primary no more');
    }
    return reading;
  }

  watchFeed(feed: string, wake: () => void): () => void {
    const forget = this.session.watch(feed, wake);
    const leave = this.settings.wakes.listen(`${this.settings.prefix}${feed}~feed`, this.partition.slot, () =>
      this.session.wake(feed),
    );
    return () => {
      leave();
      forget();
    };
  }

  private feedKeys(feed: string, watch: string): FeedKeys {
    const counter = `${this.wireKey(feed)}~feed`;
    return { counter, watch: this.wireKey(watch), incarnation: `${counter}:incarnation` };
  }

  /** The write was too large: what it would have replaced goes. */
  private async refuse(storeKey: string, only: WriteOptions['only']): Promise<WriteOutcome> {
    const tooLarge = { status: 'too-large', maxBytes: this.settings.maxItemBytes } as const;
    if (only === 'absent') {
      return (await this.ask(['EXISTS', this.wireKey(storeKey)])) === 1 ? { status: 'exists' } : tooLarge;
    }
    const removed = await this.remove(storeKey, only);
    return only && removed !== 'removed' ? { status: 'changed' } : tooLarge;
  }

  private async connected(): Promise<RedisConnection> {
    return this.partition.ready ?? (await this.settledOr(this.partition.connected()));
  }

  /** No item is read before the readers of feeds know which data is read. */
  private async readable(): Promise<void> {
    if (!this.partition.ready) await this.connected();
    if (this.session.holdsReadings) await this.session.allRead();
  }

  private ask(args: readonly RedisArgument[]): Promise<RedisReply> {
    const { number: session } = this.session;
    return this.settledOr(this.partition.ask(args, false, () => this.assertSession(session)));
  }

  private async askUnlessFull(args: readonly RedisArgument[]): Promise<RedisReply | typeof full> {
    const { number: session } = this.session;
    try {
      return await this.partition.ask(args, false, () => this.assertSession(session));
    } catch (error) {
      if (error instanceof RedisServerError && error.code === 'OOM') return full;
      throw this.failed(error);
    }
  }

  /** What a script replies, without the word that it was called with. */
  private async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    session = this.session.number,
  ): Promise<readonly RedisReply[]> {
    const word = newWord();
    const running = this.partition.run(script, keys, [word, ...args], () => this.assertSession(session));
    const [echo, ...replies] = itemsOf(await this.settledOr(running)) ?? [];
    if (textOf(echo) !== word) throw this.crossed();
    return replies;
  }

  private assertSession(session: number): void {
    if (session !== this.session.number) throw this.unavailable('another server holds its keys now');
  }

  private itemOf(key: string, value: RedisReply | undefined): StoredItem | undefined {
    if (value === null || value === undefined) return undefined;
    if (!Buffer.isBuffer(value)) throw this.crossed();
    const { number: session } = this.session;
    const item = openItem(key, value);
    if (item === 'crossed') throw this.crossed();
    if (item !== 'digits') return { bytes: item.payload, revision: { session, number: item.revision } };
    return { bytes: value, revision: { session, number: counterRevision(value.toString('latin1')) } };
  }

  /** Replies belong to other commands than they are given to: nothing that this connection says can be believed. */
  private crossed(): StoreUnavailableError {
    this.partition.ready?.end('a reply to another command');
    return this.unavailable('a reply to another command');
  }

  private wireKeys(storeKeys: readonly string[]): string[] {
    return storeKeys.map((key) => this.wireKey(key));
  }

  private wireKey(storeKey: string): string {
    assertStoreKey(storeKey);
    return this.settings.prefix + storeKey;
  }

  private async settledOr<R>(answer: Promise<R>): Promise<R> {
    try {
      return await answer;
    } catch (error) {
      throw this.failed(error);
    }
  }

  private failed(error: unknown): StoreUnavailableError {
    if (error instanceof StoreUnavailableError) return error;
    return this.unavailable(error instanceof Error ? error.message : 'no answer', error);
  }

  private unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return new StoreUnavailableError(this.name, problem, cause === undefined ? undefined : { cause });
  }
}

const nothing = Buffer.alloc(0);
const full = Symbol('the server is full');
