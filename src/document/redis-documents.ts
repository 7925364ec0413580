import { systemRandom } from '../value/chance.js';
import type { ObjectBody } from '../object/object-store.js';
import { accessLater } from '../store/redis/access-for.js';
import type { RedisAccess } from '../store/redis/redis-access.js';
import { readRedisOptions } from '../store/redis/redis-options.js';
import type { Timer } from '../value/clock.js';
import { milliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { DocumentBackup } from './document-backup.js';
import { DocumentCopy } from './document-copy.js';
import { DocumentNames } from './document-names.js';
import { readDocumentOptions } from './document-options.js';
import type { DocumentSettings, RedisDocumentsOptions } from './document-options.js';
import { clusterRefused, PolicyWatch } from './document-policy.js';
import { DocumentReads } from './document-reads.js';
import type { OpenedDocument } from './document-reads.js';
import { DocumentServer } from './document-server.js';
import { readStatus } from './document-status.js';
import type { DocumentsStatus } from './document-status.js';
import { DocumentSweep } from './document-sweep.js';
import type { SweptDocuments } from './document-sweep.js';
import { DocumentWrites } from './document-writes.js';
import type { PutDocumentOptions, WrittenDocument } from './document-writes.js';
import { KnownOptions } from '../value/known-options.js';
import { UploadLine } from './upload-line.js';

export interface SweepDocumentsOptions {
  /** Backs up what has waited this long. Default 0: all that waits. */
  readonly olderThan?: Duration;
  /**
   * Looks at all keys as well, for documents that the index lacks, and lists all objects, for those that are later than what Redis has: as after a restore,
   * or when a replica has taken over. Default false. Of the sweeps that run by themselves, a process's first is, the first after it meets another server, and
   * one every six hours.
   */
  readonly thorough?: boolean;
  readonly signal?: AbortSignal | undefined;
}

const knownOfGet = KnownOptions.of<Pick<PutDocumentOptions, 'signal'>>('get()', { signal: true });
const knownOfSweep = KnownOptions.of<SweepDocumentsOptions>('sweep()', {
  olderThan: true,
  thorough: true,
  signal: true,
});

/**
 * Documents that are in Redis at once and in the object store soon after; then Redis may evict them. Reads take from Redis what is there, and the rest from
 * the object store.
 *
 * A document in Redis has no life until it is backed up, and gets one only if the revision that stands is still the one that was uploaded. A server whose
 * policy is `allkeys-*` is refused: it would evict what is not backed up.
 *
 * @throws InvalidOptionError also for a Cluster.
 * @example
 * const documents = redisDocuments({ connection: { url: 'redis://localhost' }, objects: s3ObjectStore({ client, bucket: 'documents' }) });
 * await documents.put(id, request);
 * const document = await documents.get(id);
 */
export function redisDocuments(options: RedisDocumentsOptions): RedisDocuments {
  return redisDocumentsWith(options);
}

/** @internal */
export function redisDocumentsWith(
  options: RedisDocumentsOptions,
  random = systemRandom,
  removedForMs = dayMs,
): RedisDocuments {
  const settings = readDocumentOptions(options, random);
  const redis = readRedisOptions(options.connection, 'url', { commandTimeout: '5s', connectTimeout: '2s' });
  if (redis.target.topology === 'cluster') throw clusterRefused();
  return new RedisDocuments(accessLater(redis, settings.clock, settings.random), settings, removedForMs);
}

/** A sweep leaves to the process that wrote a document this long to upload it. */
const ownTurnMs = 30_000;
const thoroughEveryMs = 6 * 3_600_000;
/**
 * Marks of deletions stay at least so long:
 *
 * 1. A uploads a document, and its machine is suspended; 2. B deletes the document; 3. the mark of that is forgotten; 4. A's machine goes on, and its upload
 * arrives. Its timers stood still, so that its time was not up, and nothing says any more that the document was deleted.
 */
const dayMs = 24 * 3_600_000;

/** See {@link redisDocuments}. Close it. */
export class RedisDocuments {
  private readonly policies: PolicyWatch;
  private readonly server: DocumentServer;
  private readonly backup: DocumentBackup;
  private readonly writes: DocumentWrites;
  private readonly reads: DocumentReads;
  private readonly line: UploadLine;
  private readonly sweeps: DocumentSweep;
  private readonly closing = new AbortController();
  private timer: Timer | undefined;
  private sweeping: Promise<unknown> = Promise.resolve();
  private lastSweepFailure: Error | undefined;
  private thoroughAt = -Infinity;
  /** The server that was swept thoroughly. */
  private sweptOf: string | undefined;

  /** @internal Made by `redisDocuments`. */
  constructor(
    private readonly access: Promise<RedisAccess>,
    private readonly settings: DocumentSettings,
    private readonly removedForMs: number,
  ) {
    const { objects, clock, maxBytes, lifeMs, uploadTimeoutMs, uploadsAtOnce, sweepEveryMs } = settings;
    const budget = (): Promise<number> => this.budget();
    this.policies = new PolicyWatch(settings.warn);
    const names = new DocumentNames(settings.namespace, settings.objectPrefix);
    this.server = new DocumentServer(names, access, async (connection) => void (await this.policies.of(connection)));
    this.backup = new DocumentBackup(this.server, objects, clock, { lifeMs, uploadTimeoutMs });
    this.writes = new DocumentWrites(this.backup, { maxBytes, budget });
    // Half of it is for writes alone, however slowly the readers read.
    const half = async (): Promise<number> => (await budget()) / 2;
    const copies = new DocumentCopy(this.server, { maxBytes, lifeMs, withinMs: uploadTimeoutMs, budget: half });
    // Where nothing is evicted, what is read again would only fill the server.
    const isEvicting = (): boolean => this.policies.latest?.evictionPolicy.startsWith('volatile-') === true;
    this.reads = new DocumentReads(this.backup, () => (isEvicting() ? copies : undefined));
    this.line = new UploadLine(uploadsAtOnce, (id) => this.backup.upload(id));
    const take = (id: string): Promise<boolean> => this.line.attempt(id, (one) => this.backup.upload(one, true));
    this.sweeps = new DocumentSweep(this.backup, take, uploadsAtOnce);
    if (sweepEveryMs > 0 && sweepEveryMs !== Infinity) this.sweepAfter(Math.min(1_000, sweepEveryMs));
  }

  /** Connects, so that the first request does not. @throws InvalidOptionError for `allkeys-*`, a Cluster or a missing client; StoreUnavailableError */
  async open(): Promise<void> {
    await this.server.connected();
  }

  /**
   * Writes a document, whatever stood there. A reader sees the earlier one or this one, whole. Documents that are too large, exceed the budget, or find the
   * server full, go to the object store at once.
   *
   * @param source bytes, a text, or a stream, which is destroyed on every way out.
   * @throws StoreUnavailableError, ObjectStoreUnavailableError: it may have been written; InvalidKeyError; ObjectSizeError; what the source fails with.
   */
  async put(id: string, source: ObjectBody, options: PutDocumentOptions = {}): Promise<WrittenDocument> {
    const written = await this.writes.put(id, source, options);
    if (written.where === 'redis') {
      if (this.settings.acknowledge === 'objects') await this.backup.secure(id, written.revision);
      else this.line.add(id);
    }
    return written;
  }

  /**
   * Opens a document for reading; undefined: there is none. What comes from the object store is kept in Redis again as it passes.
   * @throws StoreUnavailableError where Redis can't be asked: it may hold a later revision than the object store. ObjectStoreUnavailableError; InvalidKeyError
   */
  async get(
    id: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<OpenedDocument | undefined> {
    knownOfGet.check(options);
    this.server.names.document(id);
    return this.reads.open(id, options.signal);
  }

  /**
   * Deletes a document. It is gone for readers when this resolves, and so are its objects; what the object store has not removed within five seconds, a sweep
   * removes. Does nothing more where there is none.
   * @throws StoreUnavailableError, InvalidKeyError
   */
  async delete(id: string): Promise<void> {
    this.server.names.document(id);
    await this.server.remove(id);
    await this.backup.tidy(id);
  }

  /** Takes up what processes that have ended left behind. Runs by itself once in `sweepEvery`. @throws StoreUnavailableError; `thorough`: ObjectStoreUnavailableError */
  async sweep(options: SweepDocumentsOptions = {}): Promise<SweptDocuments> {
    knownOfSweep.check(options);
    const { olderThan = 0, thorough = false, signal } = options;
    return this.sweeps.run({
      olderThanMs: milliseconds(olderThan, 'olderThan'),
      ...this.lateness,
      isThorough: thorough,
      ...(signal && { signal }),
    });
  }

  /** Resolves when nothing that this process wrote is on its way to the object store. What failed stays in the index: see `status`. */
  async uploaded(): Promise<void> {
    await this.line.empty();
  }

  /** @throws StoreUnavailableError, InvalidOptionError for a server that by now evicts what is not backed up. */
  async status(): Promise<DocumentsStatus> {
    const policy = await this.policies.of(await this.server.connected(), true);
    return readStatus(this.server, policy, this.settings.budgetOf(policy.maxMemory), this.line, this.lastSweepFailure);
  }

  /** Waits for the uploads that run, and ends all connections. What waits stays in Redis, for other processes and the next start. */
  async close(): Promise<void> {
    this.timer?.cancel();
    this.closing.abort();
    await this.sweeping;
    await this.line.close();
    (await this.access.catch(() => undefined))?.close();
  }

  private get lateness(): { readonly lateMs: number; readonly removedForMs: number } {
    return { lateMs: 2 * this.settings.uploadTimeoutMs, removedForMs: this.removedForMs };
  }

  private async budget(): Promise<number> {
    return this.settings.budgetOf((await this.policies.of(await this.server.connected())).maxMemory);
  }

  private sweepAfter(delayMs: number): void {
    const { clock, random } = this.settings;
    this.timer = clock.after(delayMs * (0.5 + random() / 2), () => {
      // A server that is away is asked again in time.
      this.sweeping = this.sweepInTurn()
        .then(
          () => (this.lastSweepFailure = undefined),
          (error: unknown) => (this.lastSweepFailure = error instanceof Error ? error : new Error(String(error))),
        )
        .finally(() => {
          if (!this.closing.signal.aborted) this.sweepAfter(this.settings.sweepEveryMs);
        });
    });
  }

  private async sweepInTurn(): Promise<void> {
    const { clock, sweepEveryMs } = this.settings;
    const connection = await this.server.connected();
    await this.policies.of(connection, true);
    if (!(await this.sweeps.takeTurn(Math.ceil(sweepEveryMs * 2)))) return;
    // Another server, or one that has lost its memory: it may lack what was written last.
    const incarnation = connection.identity?.incarnation;
    const isThorough = incarnation !== this.sweptOf || clock.monotonic() - this.thoroughAt >= thoroughEveryMs;
    const { signal } = this.closing;
    await this.sweeps.run({ olderThanMs: ownTurnMs, ...this.lateness, isThorough, signal });
    if (!isThorough) return;
    this.thoroughAt = clock.monotonic();
    this.sweptOf = incarnation;
  }
}
