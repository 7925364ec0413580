import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { KeyClassFacts } from '../catalogue/key-class-facts.js';
import { assertPrimary } from '../store/redis/assert-primary.js';
import { askScript } from '../store/redis/ask-script.js';
import { accessLater } from '../store/redis/access-for.js';
import type { RedisArgument, RedisReply } from '../store/redis/driver/redis-driver.js';
import { otherReply } from '../store/redis/other-reply.js';
import type { RedisAccess } from '../store/redis/redis-access.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import type { RedisIdentity } from '../store/redis/redis-identity.js';
import { readRedisOptions, redisConnectionOptions } from '../store/redis/redis-options.js';
import type { RedisConnectionOptions } from '../store/redis/redis-options.js';
import { isOk, itemsOf, textOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { refusedBy } from '../store/redis/refused-by.js';
import { newWord } from '../store/redis/redis-word.js';
import { systemRandom } from '../value/chance.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { ToldOnce } from '../value/told-once.js';
import { assertRecords, recordBytes } from './record-bytes.js';
import { warningsOf } from './record-durability.js';
import { codecOf, RecordKeys } from './record-keys.js';
import type { AnyRecordKey } from './record-keys.js';
import { RecordSnapshot } from './record-snapshot.js';
import type { RecordChange } from './record-snapshot.js';
import { recordLifeMs } from './transaction.js';
import type { RecordTransaction, RecordWriteOptions, TransactionOptions, TransactionOutcome } from './transaction.js';
import { ConnectionPool } from './transaction-connections.js';
import { Transactions } from './transactions.js';

export interface RedisRecordsOptions {
  /** Where Redis is. Not a Cluster: the keys of records stand literally and can't say that they belong together. */
  readonly connection: RedisConnectionOptions;
  /** The key classes of the records. Values are written by their codecs, JSON by default. */
  readonly keys: readonly KeyClassFacts[];
  /** How many transactions run at a time in this process; others wait for their turn. Default 4. */
  readonly connections?: number;
  /** Told once of each fact of the server that loses records: no append-only file, an eviction of all keys. If it throws, that is a `degraded` fault, and it is told again. Default: `process.emitWarning`. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Records in Redis as a primary store: JSON under literal keys, read and changed one by one or in transactions. They are as durable as the server is set up
 * to be: what it acknowledges is in its memory, and with an append-only file soon on its disk.
 *
 * @throws InvalidOptionError for a Cluster, and for key classes that can produce the same key.
 * @example
 * const ownedFiles = defineKey('public_key:{publicKey}:owned_files', { codec: json<string[]>() });
 * const records = redisRecords({ connection: { url: 'redis://localhost' }, keys: [ownedFiles] });
 * await records.transaction(async (tx) => {
 *   const owned = (await tx.get(ownedFiles({ publicKey }))) ?? [];
 *   tx.set(ownedFiles({ publicKey }), [...owned, id]);
 * });
 */
export function redisRecords(options: RedisRecordsOptions): RedisRecords {
  known.check(options);
  return redisRecordsWith(options);
}

/** @internal */
export function redisRecordsWith(
  options: RedisRecordsOptions,
  { clock = systemClock, random = systemRandom }: RecordTuning = {},
): RedisRecords {
  const { connection, keys, connections = 4, onWarning = emitWarning } = options;
  const settings = readRedisOptions(connection);
  if (settings.target.topology === 'cluster') throw clusterRefused();
  if (!Number.isInteger(connections) || connections < 1) {
    throw new InvalidOptionError('connections', `${connections} is not a number of connections`, 'Give 1 or more.');
  }
  const access = accessLater(settings, clock, random);
  return new RedisRecords(access, new RecordKeys(keys), connections, onWarning, { clock, random });
}

const emitWarning = (message: string): void => process.emitWarning(message, 'RedisRecordsWarning');

interface RecordTuning {
  readonly clock?: Clock;
  readonly random?: () => number;
}

const known = KnownOptions.of<RedisRecordsOptions>('redisRecords()', {
  connection: redisConnectionOptions,
  keys: true,
  connections: true,
  onWarning: true,
});

/**
 * For each key what is expected, then for each what is written, both `=` and the bytes or `-` for none; then for each its life in ms, or nothing; then a word.
 * Returns the word, and 1: all are written, or 0: none is.
 */
const compareAndSet = redisScript(`
local n, word = #KEYS, ARGV[#ARGV]
for i = 1, n do
  local stands = redis.call('GET', KEYS[i])
  if ARGV[i] ~= (stands and '=' .. stands or '-') then return { word, 0 } end
end
for i = 1, n do
  local value, life = ARGV[n + i], ARGV[2 * n + i]
  if value == '-' then redis.call('UNLINK', KEYS[i])
  elseif life == '' then redis.call('SET', KEYS[i], value:sub(2))
  else redis.call('SET', KEYS[i], value:sub(2), 'PX', life) end
end
return { word, 1 }`);

/** See {@link redisRecords}. Close it. */
export class RedisRecords {
  private readonly transactions: Transactions;
  private readonly pool: ConnectionPool;
  private readonly warnings: ToldOnce;
  /** What the server said that was looked at last. */
  private seen: RedisIdentity | undefined;

  /** @internal Made by `redisRecords`. */
  constructor(
    private readonly access: Promise<RedisAccess>,
    private readonly keys: RecordKeys,
    connections: number,
    onWarning: (message: string) => void,
    tuning: Required<RecordTuning>,
  ) {
    this.warnings = new ToldOnce('redis records', onWarning);
    this.pool = new ConnectionPool('redis records', connections, () => this.ownConnection(), tuning.clock);
    const parts = { connections: this.pool, keys, ...tuning };
    this.transactions = new Transactions(parts);
  }

  /** Connects, so that the first request does not. @throws InvalidOptionError for a Cluster or a missing client; StoreUnavailableError */
  async open(): Promise<void> {
    await this.connected();
  }

  /** Ends all connections. Transactions that run fail. */
  async close(): Promise<void> {
    const access = await this.access.catch(() => undefined);
    access?.close();
    this.pool.close();
  }

  /** The record's value; `undefined` where there is none. @throws StoreUnavailableError, UndecodableError, InvalidKeyError */
  async get<V>(key: CatalogueKey<V>): Promise<V | undefined> {
    return (await this.read(key)).value;
  }

  /** Values in the order of the keys, `undefined` where there is none: one MGET, and a second trip that looks at what is missing. @throws as `get` */
  async getMany<V>(keys: readonly CatalogueKey<V>[]): Promise<(V | undefined)[]> {
    return (await this.readMany(keys)).map(({ value }) => value);
  }

  /** The record as it stands, with its version. @throws StoreUnavailableError, InvalidKeyError; UndecodableError where a list, a set or the like stands there */
  async read<V>(key: CatalogueKey<V>): Promise<RecordSnapshot<V>> {
    const [snapshot] = await this.readMany([key]);
    return snapshot as RecordSnapshot<V>;
  }

  /** As `read`, in the order of the keys. Trips as `getMany`. */
  async readMany<V>(keys: readonly CatalogueKey<V>[]): Promise<RecordSnapshot<V>[]> {
    if (keys.length === 0) return [];
    const names = this.namesOf(keys);
    const connection = await this.connected();
    // Literal JSON does not say whose it is. A word that comes back shows that no reply was given to another command.
    const word = newWord();
    const [found, role, echo] = await Promise.all([
      recordBytes(names, connection).catch(refusedBy(connection)),
      this.ask(connection, ['ROLE']),
      this.ask(connection, ['ECHO', word]),
    ]);
    if (textOf(echo) !== word || !found) throw otherReply(connection);
    assertPrimary(connection, role);
    assertRecords(found);
    return keys.map((key, index) => new RecordSnapshot(key, found[index] ?? undefined));
  }

  /** Writes one record, whatever stands there. Resolves once it is acknowledged. @throws StoreUnavailableError: it may have been written */
  async set<V>(key: CatalogueKey<V>, value: NoInfer<V>, options?: RecordWriteOptions): Promise<void> {
    const [name] = this.namesOf([key]);
    const bytes = Buffer.from(codecOf(key).encode(value));
    const lifeMs = recordLifeMs(options);
    const life = lifeMs === undefined ? [] : ['PX', String(lifeMs)];
    const connection = await this.connected();
    if (!isOk(await this.ask(connection, ['SET', name ?? '', bytes, ...life]))) throw otherReply(connection);
  }

  /** Removes one record. @returns whether it was there. @throws StoreUnavailableError: it may have been removed */
  async delete(key: AnyRecordKey): Promise<boolean> {
    const [name] = this.namesOf([key]);
    const connection = await this.connected();
    const removed = await this.ask(connection, ['UNLINK', name ?? '']);
    if (removed !== 1 && removed !== 0) throw otherReply(connection);
    return removed === 1;
  }

  /**
   * Changes records that still are what was read, all of them or none, in one trip. Half the time of a transaction, and no connection of its own.
   * @example await records.compareAndSet(cap.changedTo(2), files.changedTo(undefined));
   * @returns `changed`: at least one of them is another one by now, and nothing was written.
   * @throws StoreUnavailableError: they may have been written
   */
  async compareAndSet(...changes: readonly RecordChange[]): Promise<'stored' | 'changed'> {
    const names = this.namesOf(changes.map(({ key }) => key));
    const expected = changes.map((change) => marked(change.expected));
    const written = changes.map((change) => marked(change.written));
    const lives = changes.map(({ lifeMs }) => (lifeMs === undefined ? '' : String(lifeMs)));
    const word = newWord();
    const rest = [String(names.length), ...names, ...expected, ...written, ...lives, word];
    const connection = await this.connected();
    const reply = await askScript(connection, compareAndSet, rest).catch(refusedBy(connection));
    const [echo, isStored] = itemsOf(reply) ?? [];
    if (textOf(echo) !== word) throw otherReply(connection);
    if (isStored === 1) return 'stored';
    assertPrimary(connection, await this.ask(connection, ['ROLE']));
    return 'changed';
  }

  /**
   * Runs `body` until nothing that it read has changed while it ran, and carries out what it has set and deleted at once. The body may run several times;
   * whatever else it does must bear that.
   *
   * @throws ConflictError when others changed something at every attempt; UnknownOutcomeError when the end of it had no answer; PartialTransactionError when
   * the server refused single commands; TransactionOverError when the body ended before one of its readings; what the body throws, once it is sure that the body saw a state that was; StoreUnavailableError.
   */
  transaction<T>(
    body: (tx: RecordTransaction) => Promise<T> | T,
    options?: TransactionOptions,
  ): Promise<TransactionOutcome<T>> {
    return this.transactions.run(body, options);
  }

  private namesOf(keys: readonly AnyRecordKey[]): string[] {
    return keys.map((key) => this.keys.nameOf(key));
  }

  private async connected(): Promise<RedisConnection> {
    return this.checked(await (await this.access).connected(0));
  }

  private async ownConnection(): Promise<RedisConnection> {
    const connection = await (await this.access).ownConnection(0);
    try {
      this.checked(connection);
      // Where MULTI is refused, what follows it would be carried out at once, and not as a whole.
      await Promise.all([this.ask(connection, ['MULTI']), this.ask(connection, ['EXEC'])]);
      return connection;
    } catch (error) {
      connection.end('it was refused');
      throw error;
    }
  }

  private checked(connection: RedisConnection): RedisConnection {
    const { identity } = connection;
    if (identity?.isCluster) throw clusterRefused();
    if (identity && identity !== this.seen) {
      this.seen = identity;
      this.warnings.all(warningsOf(identity));
    }
    return connection;
  }

  private ask(connection: RedisConnection, args: readonly RedisArgument[]): Promise<RedisReply> {
    return connection.ask(args).catch(refusedBy(connection));
  }
}

function clusterRefused(): InvalidOptionError {
  return new InvalidOptionError(
    'connection',
    'records do not work in a Cluster: their keys are literal, and a transaction needs its keys in one slot',
    'Give a Redis that is alone or has sentinels.',
  );
}

function marked(bytes: Uint8Array | undefined): Buffer {
  return bytes ? Buffer.concat([Buffer.from('='), bytes]) : Buffer.from('-');
}
