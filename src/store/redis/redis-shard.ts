import { reportFault } from '../../value/events.js';
import { assertRecords, keyOfChange } from '../feed.js';
import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from '../feed.js';
import type { RemoveOutcome, Revision, StoredItem, WriteOptions, WriteOutcome } from '../item.js';
import { answerBy } from '../answer-by-batch.js';
import type { ItemAsk } from '../item-ask.js';
import { assertStoreKey } from '../store-key.js';
import type { Shard } from '../store.js';
import { AskedItems } from './asked-items.js';
import { assertPrimary } from './assert-primary.js';
import { RedisCommands } from './redis-commands.js';
import { listedKeys } from './listed-keys.js';
import { OneRead } from './one-read.js';
import { readFacts } from './redis-facts.js';
import { readFeed, tellInvalidation } from './redis-feed.js';
import { newRevision, sealItem } from './redis-item.js';
import { RedisItems } from './redis-items.js';
import { isOk, textOf } from './redis-reply.js';
import { isFull, refusesWrites } from './redis-server-error.js';
import type { RedisScript } from './redis-script.js';
import { drawNumber, increment, itemChannel, removeIf, writeIf, writeIfAbsent } from './redis-scripts.js';
import type { FeedKeys, RedisSession } from './redis-session.js';
import type { RedisShardSettings } from './redis-shard-settings.js';
import { newWord } from './redis-word.js';
import { expectedHead, lifeOnTheWire } from './told-change.js';

/** Keys of Redis that live and fail as one: all of a server's, or those of one hash tag of a Cluster. */
export class RedisShard implements Shard {
  readonly name: string;
  /** Absent in a Cluster, whose nodes count by themselves. */
  readonly stats?: NonNullable<Shard['stats']>;
  private readonly commands: RedisCommands;
  private readonly items: RedisItems;
  private readonly asked: AskedItems;
  private readonly teller = newWord();

  constructor(private readonly settings: RedisShardSettings) {
    this.name = settings.name;
    this.commands = new RedisCommands(settings);
    this.items = new RedisItems(this.commands);
    this.asked = new AskedItems(this.commands, {
      ask: (question) => answerBy(this.items.readOrStub([question.storeKey], question.stubMs), [question]),
      stub: (question, key) =>
        answerBy(
          this.items.stubAt(key, question.stubMs).then((item) => [item]),
          [question],
        ),
      foreign: (key, value) => this.commands.foreignOrCrossed(key, value),
    });
    if (settings.isWhole)
      this.stats = async () => readFacts(await this.commands.ask(['INFO']), await this.commands.ask(['DBSIZE']));
  }

  private get session(): RedisSession {
    return this.commands.session;
  }

  async evicts(): Promise<boolean> {
    const { identity } = await this.commands.connected();
    return identity === undefined || (identity.maxMemory > 0 && identity.evictionPolicy !== 'noeviction');
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.items.readMany(storeKeys);
  }

  /** Questions of one key leave together with others of their turn. */
  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const [storeKey] = storeKeys;
    if (storeKeys.length !== 1 || storeKey === undefined) return this.items.readOrStub(storeKeys, stubMs);
    const read = new OneRead(storeKey, stubMs);
    return this.asked.take([read]) ? [await read.promise] : this.items.readOrStub(storeKeys, stubMs);
  }

  readInto(questions: readonly ItemAsk[]): boolean {
    return this.asked.take(questions);
  }

  write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    return this.commands.again(() => this.writeOnce(storeKey, bytes, options));
  }

  private async writeOnce(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    const key = this.commands.wireKey(storeKey);
    await this.commands.connected();
    this.session.willWrite(key);
    const { only, irreplaceable = false } = options;
    const { maxItemBytes } = this.settings;
    if (bytes.length > maxItemBytes) return this.refuse(storeKey, only);
    const { number: session } = this.session;
    const revision = newRevision();
    const value = sealItem(key, revision, bytes, this.dateOf(bytes));
    const life = lifeOnTheWire(options);
    const stored: WriteOutcome = { status: 'stored', revision: { session, number: revision } };
    if (typeof only === 'object') {
      const expected = expectedHead(only, session);
      if (expected === undefined) return { status: 'changed' };
      try {
        const [answer] = await this.commands.run(writeIf, [key], [expected, value, life, this.publish], session);
        return answer === 1 ? stored : { status: 'changed' };
      } catch (error) {
        if (!refusesWrites(error) || irreplaceable) throw error;
        // A fill that is refused is one that came too late: the server is well. Where it is full, nobody need wait for the stub.
        if (isFull(error)) await this.remove(storeKey, only);
        return { status: 'changed' };
      }
    }
    if (only === 'absent') {
      const [answer] = await this.commands.run(writeIfAbsent, [key], [value, life], session);
      return answer === 1 ? stored : { status: 'exists' };
    }
    const reply = await this.commands.ask(['SET', key, value, ...(life === '' ? [] : ['PX', life])]);
    if (isOk(reply)) return stored;
    throw this.commands.crossed();
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.commands.again(() => this.removeOnce(storeKey, revision));
  }

  private async removeOnce(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    const key = this.commands.wireKey(storeKey);
    if (!revision) return (await this.commands.ask(['UNLINK', key])) === 1 ? 'removed' : 'absent';
    await this.commands.connected();
    const { number: session } = this.session;
    const expected = expectedHead(revision, session);
    if (expected === undefined) return 'changed';
    const [answer] = await this.commands.run(removeIf, [key], [expected, this.publish], session);
    return answer === 1 ? 'removed' : answer === 0 ? 'absent' : 'changed';
  }

  increment(storeKey: string, by: number, seed: number, lifeMs = Infinity): Promise<number> {
    return this.counted(increment, storeKey, [String(by), String(seed), lifeOnTheWire({ lifeMs })]);
  }

  draw(storeKey: string, atLeast: number, lifeMs: number): Promise<number> {
    return this.counted(drawNumber, storeKey, [String(atLeast), lifeOnTheWire({ lifeMs })]);
  }

  private counted(script: RedisScript, storeKey: string, args: readonly string[]): Promise<number> {
    return this.commands.again(() => this.count(script, storeKey, args));
  }

  private async count(script: RedisScript, storeKey: string, args: readonly string[]): Promise<number> {
    const [digits, begunAnew] = await this.commands.run(script, [this.commands.wireKey(storeKey)], args);
    const number = Number(textOf(digits));
    if (!Number.isSafeInteger(number)) throw this.commands.unavailable(`${storeKey} holds no counter`);
    if (begunAnew === 1) {
      const message = 'A counter held what no process has counted. It was begun anew.';
      reportFault({ source: this.name, kind: 'undecodable', message, key: storeKey });
    }
    return number;
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.commands.again(() => this.touchOnce(storeKey, lifeMs));
  }

  private async touchOnce(storeKey: string, lifeMs: number): Promise<boolean> {
    const key = this.commands.wireKey(storeKey);
    const life = lifeOnTheWire({ lifeMs, neverShorter: true });
    if (life !== '') return (await this.commands.ask(['PEXPIRE', key, life])) === 1;
    const [, stands] = await Promise.all([this.commands.ask(['PERSIST', key]), this.commands.ask(['EXISTS', key])]);
    return stands === 1;
  }

  async invalidate(invalidation: Invalidation): Promise<Invalidated> {
    assertRecords(invalidation.records);
    for (const change of invalidation.changes) assertStoreKey(keyOfChange(change));
    return this.commands.again(() => this.invalidateOnce(invalidation));
  }

  private async invalidateOnce(invalidation: Invalidation): Promise<Invalidated> {
    const { feed, watch } = invalidation;
    const keys = this.feedKeys(feed, watch);
    await this.commands.connectedTo(feed, keys);
    const { number: session } = this.session;
    return tellInvalidation(invalidation, {
      keys,
      session,
      clock: this.settings.clock,
      maxItemBytes: this.settings.maxItemBytes,
      writtenAt: this.commands.time.now(),
      publish: this.publish,
      teller: this.teller,
      wireKey: (storeKey) => this.commands.wireKey(storeKey),
      run: (script, wireKeys, args) => this.commands.run(script, wireKeys, args, session),
      revisionOf: (key, head) => this.commands.revisionOf(key, head),
    });
  }

  /**
   * A reading that was sent before a write of the watched item, and is answered after it, tells of what stood there before: it is done again.
   *
   * A reader that asks from a mark of this session has been told of it, and has done with what it was told. One that was told just now is woken, so that it
   * asks so at once: items are read again when it does.
   */
  async readFeed(question: FeedQuestion): Promise<FeedReading> {
    const { feed, since, reader } = question;
    if (since && this.session.lineageOf(since.id) !== undefined) this.session.wasRead(feed, reader);
    for (;;) {
      const { watchedWrites } = this.session;
      const reading = await this.commands.again(() => this.readFeedOnce(question));
      if (watchedWrites !== this.session.watchedWrites) continue;
      this.session.wasAnswered(feed, reader);
      return reading;
    }
  }

  private async readFeedOnce(question: FeedQuestion): Promise<FeedReading> {
    const { feed, watch } = question;
    const keys = this.feedKeys(feed, watch);
    const connection = await this.commands.connectedTo(feed, keys);
    const [role, , reading] = await Promise.all([
      this.commands.settledOr(connection.ask(['ROLE'])),
      this.commands.readTime(connection),
      readFeed(question, {
        session: this.session,
        run: (script, wireKeys, args) => this.commands.run(script, wireKeys, args),
        begin: () => this.commands.settledOr(this.session.settle(connection, feed, keys)),
        keys,
        itemOf: (key, value) => this.commands.itemOfScript(key, value),
      }),
    ]);
    if (this.settings.asksRole) assertPrimary(connection, role);
    return reading;
  }

  watchFeed(feed: string, wake: () => void, reader?: number): () => void {
    const forget = this.session.watch(feed, wake, reader);
    const leave = this.settings.wakes.listen(
      `${this.settings.prefix}${feed}~feed`,
      this.commands.partition.slot,
      (teller) => {
        // What this process has told, it has applied; a second reader of the same shard has not.
        if (teller !== this.teller || this.session.hasSeveralReaders(feed)) this.session.wake(feed);
      },
    );
    return () => {
      leave();
      forget();
    };
  }

  watchItem(storeKey: string, wake: () => void): () => void {
    return this.settings.wakes.listen(itemChannel(this.commands.wireKey(storeKey)), this.commands.partition.slot, wake);
  }

  /** By pages of SCAN. In a Cluster each partition goes through all that its node holds. @throws StoreUnavailableError */
  keys(prefix: string): AsyncIterable<string> {
    return listedKeys(this.commands, prefix);
  }

  /** Stubs hold nothing that could be old. */
  private dateOf(bytes: Uint8Array): number | undefined {
    return bytes.length === 0 ? undefined : this.commands.time.now();
  }

  private get publish(): 'PUBLISH' | 'SPUBLISH' {
    return this.settings.access.isSharded ? 'SPUBLISH' : 'PUBLISH';
  }

  private feedKeys(feed: string, watch: string): FeedKeys {
    const counter = `${this.commands.wireKey(feed)}~feed`;
    return { counter, watch: this.commands.wireKey(watch), incarnation: `${counter}:incarnation` };
  }

  /** The write was too large: what it would have replaced goes. */
  private async refuse(storeKey: string, only: WriteOptions['only']): Promise<WriteOutcome> {
    const tooLarge = { status: 'too-large', maxBytes: this.settings.maxItemBytes } as const;
    if (only === 'absent') {
      return (await this.commands.ask(['EXISTS', this.commands.wireKey(storeKey)])) === 1
        ? { status: 'exists' }
        : tooLarge;
    }
    const removed = await this.remove(storeKey, only);
    return only && removed !== 'removed' ? { status: 'changed' } : tooLarge;
  }
}
