import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { RedisArgument, RedisReply } from '../store/redis/driver/redis-driver.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { otherReply } from '../store/redis/other-reply.js';
import { refusedBy } from '../store/redis/refused-by.js';
import { assertPrimary } from '../store/redis/assert-primary.js';
import { isOk, itemsOf } from '../store/redis/redis-reply.js';
import { refusalBehind, RedisServerError } from '../store/redis/redis-server-error.js';
import type { StoreUnavailableError } from '../value/errors.js';
import { assertRecords, recordBytes } from './record-bytes.js';
import { PartialTransactionError, TransactionOverError, UnknownOutcomeError } from './record-errors.js';
import { codecOf } from './record-keys.js';
import type { AnyRecordKey, RecordKeys } from './record-keys.js';
import { AbortedTransaction, recordLifeMs } from './transaction.js';
import type { RecordTransaction, RecordWriteOptions } from './transaction.js';

const theTransaction = ' the transaction';

/** One run of a body: what it reads is watched, what it writes is kept until the end. */
export class TransactionAttempt implements RecordTransaction {
  /** Every key that was read. */
  readonly watched = new Set<string>();
  private readonly commands: (readonly [string, string, ...RedisArgument[]])[] = [];
  private readonly written = new Map<string, Uint8Array | undefined>();
  private isOver = false;
  private readings = 0;

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: RecordKeys,
  ) {}

  get hasWrites(): boolean {
    return this.commands.length > 0;
  }

  /** Readings that the body has begun and not waited for. */
  get isReading(): boolean {
    return this.readings > 0;
  }

  get<V>(key: CatalogueKey<V>): Promise<V | undefined> {
    return this.counted(async () => (await this.read([key]))[0]);
  }

  getMany<V>(keys: readonly CatalogueKey<V>[]): Promise<(V | undefined)[]> {
    return this.counted(() => this.read(keys));
  }

  /** One that nobody waits for is told of by the transaction: it ends no process as a rejection that nobody handles. */
  private counted<R>(read: () => Promise<R>): Promise<R> {
    const isBegunInTime = !this.isOver;
    this.readings++;
    const reading = read().finally(() => this.readings--);
    if (isBegunInTime) reading.catch(() => {});
    return reading;
  }

  private async read<V>(keys: readonly CatalogueKey<V>[]): Promise<(V | undefined)[]> {
    this.assertRunning();
    const names = keys.map((key) => this.keys.nameOf(key));
    const unread = [...new Set(names.filter((name) => !this.written.has(name)))];
    const found = new Map<string, Uint8Array | null | undefined>(this.written);
    if (unread.length > 0) {
      for (const name of unread) this.watched.add(name);
      // Both leave together: what is read after it is watched can't change unseen.
      const [watching, read] = await Promise.all([
        this.ask(['WATCH', ...unread]),
        recordBytes(unread, this.connection).catch(refusedBy(this.connection, theTransaction)),
      ]);
      if (!isOk(watching) || !read) throw otherReply(this.connection);
      assertRecords(read);
      unread.forEach((name, index) => found.set(name, read[index]));
    }
    this.assertRunning();
    return keys.map((key, index) => {
      const bytes = found.get(names[index] as string);
      return bytes ? codecOf(key).decode(Buffer.from(bytes)) : undefined;
    });
  }

  set<V>(key: CatalogueKey<V>, value: V, options?: RecordWriteOptions): void {
    this.assertRunning();
    const name = this.keys.nameOf(key);
    const bytes = Buffer.from(codecOf(key).encode(value));
    const lifeMs = recordLifeMs(options);
    const life = lifeMs === undefined ? [] : ['PX', String(lifeMs)];
    this.commands.push(['SET', name, bytes, ...life]);
    this.written.set(name, bytes);
  }

  delete(key: AnyRecordKey): void {
    this.assertRunning();
    const name = this.keys.nameOf(key);
    this.commands.push(['UNLINK', name]);
    this.written.set(name, undefined);
  }

  abort<const R>(reason: R): AbortedTransaction<R> {
    return new AbortedTransaction(reason);
  }

  /** The body has ended. */
  end(): void {
    this.isOver = true;
  }

  /** Whether nothing that was read has changed since. Watches nothing afterwards. @throws StoreUnavailableError */
  async confirm(): Promise<boolean> {
    if (this.watched.size === 0) return true;
    // Whether what was read was a primary's. An EXEC of nothing would answer with an empty list whatever was changed in some versions.
    const [, , exec] = await Promise.all([this.ask(['MULTI']), this.ask(['ROLE']), this.ask(['EXEC'])]);
    if (exec === null) return false;
    const [role, ...more] = itemsOf(exec) ?? [];
    if (role === undefined || more.length > 0) throw otherReply(this.connection);
    assertPrimary(this.connection, role);
    return true;
  }

  /**
   * Carries out what the body has set and deleted. False: something that it read has changed, and nothing has happened.
   * @throws UnknownOutcomeError, PartialTransactionError, StoreUnavailableError
   */
  async commit(): Promise<boolean> {
    const { commands } = this;
    // What ends before this line can't have happened.
    if (this.connection.hasEnded) throw this.connection.unavailable('the connection has ended');
    const sent = [['MULTI'], ...commands, ['EXEC']].map((args) => this.connection.ask(args));
    const outcomes = await Promise.allSettled(sent);
    const [begun, ...queued] = outcomes.slice(0, -1);
    const last = outcomes.at(-1) as PromiseSettledResult<RedisReply>;
    const notBegun = begun && refusalOf(begun);
    if (notBegun) throw this.carriedOutSingly(notBegun, queued);
    if (last.status === 'rejected') {
      // A refused command makes EXEC refuse the whole; the first refusal says why. EXEC's own says as well that nothing has happened.
      const refusal = queued.map(refusalOf).find((one) => one !== undefined) ?? refusalOf(last);
      if (refusal) throw this.refused(refusal);
      throw new UnknownOutcomeError(
        commands.map(([, name]) => name),
        { cause: last.reason },
      );
    }
    if (last.value === null) return false;
    const replies = itemsOf(last.value);
    if (replies?.length !== commands.length) {
      this.connection.end('a reply to another command');
      throw new UnknownOutcomeError(commands.map(([, name]) => name));
    }
    const failures = replies.flatMap((reply, index) => {
      const [command, key] = commands[index] as readonly [string, string];
      return reply instanceof RedisServerError ? [{ command, key, problem: reply.message }] : [];
    });
    if (failures.length > 0) throw new PartialTransactionError(failures);
    return true;
  }

  /** Watches nothing any more, without having looked. */
  async forget(): Promise<void> {
    if (this.watched.size > 0 && !this.connection.hasEnded) await this.ask(['UNWATCH']);
  }

  /** The server took no MULTI, as after a change of its user's rights: what followed was no transaction. */
  private carriedOutSingly(
    refusal: RedisServerError,
    outcomes: readonly PromiseSettledResult<RedisReply>[],
  ): PartialTransactionError | StoreUnavailableError {
    const isRefusedWhole = outcomes.every((one) => refusalOf(one) !== undefined);
    if (isRefusedWhole) return this.refused(refusal);
    const failures = outcomes.flatMap((outcome, index) => {
      const [command, key] = this.commands[index] as readonly [string, string];
      return outcome.status === 'rejected' ? [{ command, key, problem: (outcome.reason as Error).message }] : [];
    });
    const key = this.commands.map(([, name]) => name).join(' ');
    return new PartialTransactionError([{ command: 'MULTI', key, problem: refusal.message }, ...failures]);
  }

  private ask(args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.connection.ask(args).catch(refusedBy(this.connection, theTransaction));
  }

  private refused(cause: RedisServerError): StoreUnavailableError {
    return this.connection.unavailable(`it refuses${theTransaction} (${cause.message})`, cause);
  }

  private assertRunning(): void {
    if (this.isOver) throw new TransactionOverError();
  }
}

/** What the server answered a command with that it did not take, also where this has ended the connection. */
function refusalOf(outcome: PromiseSettledResult<unknown>): RedisServerError | undefined {
  if (outcome.status === 'fulfilled') return undefined;
  return outcome.reason instanceof RedisServerError ? outcome.reason : refusalBehind(outcome.reason);
}
