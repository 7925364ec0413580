import { randomBytes } from 'node:crypto';
import { InvalidOptionError, StoreUnavailableError } from '../../value/errors.js';
import { reportFault } from '../../value/events.js';
import { wasClosed } from '../../value/was-closed.js';
import { assertRecords, keyOfChange } from '../feed.js';
import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from '../feed.js';
import { noCounter } from '../sound-counter.js';
import type { ItemView, RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store.js';
import { assertStoreKey } from '../store-key.js';
import type { DiskDatabase } from './disk-database.js';
import { beginFeed, counterKey, decodeCounter, readDiskFeed, recordKey } from './disk-feed.js';
import type { DiskFeedCounter } from './disk-feed.js';
import { UsedElsewhereError } from './disk-folder.js';
import { invalidateWithin } from './disk-invalidation.js';
import { irreplaceableKind, itemKind } from './disk-record.js';
import type { DiskTuning } from './disk-tuning.js';
import { folderUnavailable } from './folder-unavailable.js';
import type { KeyPage } from './key-page.js';
import { shareDatabase } from './shared-database.js';
import type { SharedDatabase } from './shared-database.js';
import { transactionBounds } from './transaction-bounds.js';
import type { Operation } from './write-batch.js';

const firstRetryMs = 250;
const lastRetryMs = 10_000;
/** Of the feed; readers that are further behind have a gap. */
const mostKeptBytes = 8 * 2 ** 20;
const nothing = Buffer.alloc(0);
const drawId = (): string => randomBytes(9).toString('base64url');

/**
 * The disk folder as a shard. While it can't be opened, operations reject at once, and now and then one of them sets off another try.
 * `until`: see `LendableShard`.
 */
export class DiskShard implements Shard {
  readonly name: string;
  private wanted = false;
  private isClosed = false;
  private held: SharedDatabase | undefined;
  private opening: Promise<void> | undefined;
  private failure: unknown;
  private retryAt = -Infinity;
  private retryMs = firstRetryMs;

  constructor(
    private readonly directory: string,
    private readonly maxItemBytes: number,
    private readonly tuning: DiskTuning,
  ) {
    this.name = `disk ${directory}`;
  }

  /** Why the last try to open did not come to an end, if processes of another container are the reason. */
  get usedElsewhere(): UsedElsewhereError | undefined {
    return this.failure instanceof UsedElsewhereError ? this.failure : undefined;
  }

  /** Resolves also when the folder can't be used. @throws InvalidOptionError without lmdb. */
  async open(): Promise<void> {
    this.wanted = true;
    this.isClosed = false;
    if (!this.held || this.held.database.ended) await this.connect();
    if (this.failure instanceof InvalidOptionError) throw this.failure;
  }

  async close(): Promise<void> {
    this.wanted = false;
    this.isClosed = true;
    await this.opening;
    const held = this.held;
    this.held = undefined;
    await held?.release();
  }

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    for (const storeKey of storeKeys) assertStoreKey(storeKey);
    return this.database().read(storeKeys);
  }

  readNow(storeKey: string): ItemView | undefined {
    assertStoreKey(storeKey);
    return this.database().view(storeKey);
  }

  async readOrStub(
    storeKeys: readonly string[],
    stubMs: number,
    until?: number,
  ): Promise<(StoredItem & { won: boolean })[]> {
    const found = await this.readMany(storeKeys);
    return Promise.all(
      found.map(async (item, i) => (item ? { ...item, won: false } : this.stub(storeKeys[i] as string, stubMs, until))),
    );
  }

  async write(
    storeKey: string,
    bytes: Uint8Array,
    { lifeMs, only, irreplaceable = false }: WriteOptions,
    until?: number,
  ): Promise<WriteOutcome> {
    assertStoreKey(storeKey);
    // Asked now: the answer is made within a transaction that other stores share, and this one may be closed by then.
    const { session } = this.database();
    if (typeof only === 'object' && only.session !== session) return { status: 'changed' };
    const tooLarge = bytes.length > this.maxItemBytes;
    // Copied when it is planned, which may be after the caller's next change.
    const copy = tooLarge ? nothing : Buffer.from(bytes);
    return this.run<WriteOutcome>(storeKey, {
      until,
      bytes: copy.length,
      blind: only === undefined && !tooLarge,
      decide: (present, nowMs) => {
        if (only === 'absent' && present) return { answer: { status: 'exists' } };
        if (typeof only === 'object' && present?.revision !== only.number) return { answer: { status: 'changed' } };
        if (tooLarge) return { answer: { status: 'too-large', maxBytes: this.maxItemBytes }, remove: true };
        return {
          answer: (number) => ({ status: 'stored', revision: { session, number } }),
          put: { bytes: copy, expiresAt: nowMs + lifeMs, kind: irreplaceable ? irreplaceableKind : itemKind },
        };
      },
    });
  }

  async remove(storeKey: string, revision?: Revision, until?: number): Promise<RemoveOutcome> {
    assertStoreKey(storeKey);
    const ofSession = !revision || revision.session === this.database().session;
    return this.run<RemoveOutcome>(storeKey, {
      until,
      decide: (present) => {
        if (!present) return { answer: 'absent' };
        if (revision && (!ofSession || present.revision !== revision.number)) return { answer: 'changed' };
        return { answer: 'removed', remove: true };
      },
    });
  }

  async increment(storeKey: string, by: number, seed: number, lifeMs = Infinity, until?: number): Promise<number> {
    const sum = await this.run<number>(storeKey, {
      until,
      decide: (present, nowMs) => {
        const next = present ? Number(present.copyBytes().toString('latin1') || NaN) + by : seed;
        if (!Number.isSafeInteger(next)) return { answer: NaN };
        return {
          answer: () => next,
          put: { bytes: Buffer.from(`${next}`, 'latin1'), expiresAt: nowMs + lifeMs, kind: irreplaceableKind },
        };
      },
    });
    if (Number.isNaN(sum)) throw noCounter(this.name, storeKey);
    return sum;
  }

  async touch(storeKey: string, lifeMs: number, until?: number): Promise<boolean> {
    return this.run<boolean>(storeKey, {
      until,
      decide: (present, nowMs) =>
        present
          ? {
              answer: () => true,
              put: {
                bytes: present.copyBytes(),
                expiresAt: nowMs + lifeMs,
                kind: present.kind,
                revision: present.revision,
                ageMs: present.ageMs(),
              },
            }
          : { answer: false },
    });
  }

  async invalidate(given: Invalidation, until?: number): Promise<Invalidated> {
    assertStoreKey(given.watch);
    assertStoreKey(given.feed);
    for (const change of given.changes) assertStoreKey(keyOfChange(change));
    assertRecords(given.records);
    const { session, queue } = this.database();
    // Copied, since it is planned later, and perhaps again.
    const copies = {
      ...given,
      records: given.records.map((record) => Buffer.from(record)),
      changes: given.changes.map((change) =>
        'write' in change ? { ...change, bytes: Buffer.from(change.bytes) } : change,
      ),
    };
    const options = { maxItemBytes: this.maxItemBytes, keptBytes: this.keptBytes, session, drawId };
    const { broken, ...invalidated } = await invalidateWithin(
      transactionBounds(this.tuning.maxBytes),
      copies,
      options,
      (operation) => queue.run({ ...operation, until }),
    );
    if (broken !== undefined) throw noCounter(this.name, broken);
    return invalidated;
  }

  async readFeed({ feed, since, watch, maxBehindBytes }: FeedQuestion): Promise<FeedReading> {
    assertStoreKey(watch);
    const [found, watched] = await this.readMany([counterKey(feed), watch]);
    const counter =
      decodeCounter(found?.bytes) ??
      (await this.database().queue.run<DiskFeedCounter>({
        numbers: 1,
        decideAll: (keys) => beginFeed(keys, feed, drawId),
      }));
    const reading = readDiskFeed(counter, since, maxBehindBytes, (number) => {
      const [record] = this.database().read([recordKey(feed, number)]);
      return record?.bytes;
    });
    return { ...reading, watched };
  }

  private get keptBytes(): number {
    return Math.min(mostKeptBytes, this.tuning.maxBytes / 8);
  }

  /** `bytes` are those of pages in use, `fileBytes` what the file takes on the disk; `entries` include a few of the store's own. A visitor knows no `maxBytes`. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const { entries, usedBytes, fileBytes, maxBytes } = this.database().usage();
    return { entries, bytes: usedBytes, ...(maxBytes !== Infinity && { maxBytes }), fileBytes };
  }

  /** One part of a listing. */
  async keyPage(prefix: string, after?: Uint8Array): Promise<KeyPage> {
    return this.database().keyPage(prefix, after);
  }

  private stub(storeKey: string, stubMs: number, until?: number): Promise<StoredItem & { won: boolean }> {
    const { session } = this.database();
    return this.run<StoredItem & { won: boolean }>(storeKey, {
      until,
      decide: (present, nowMs) =>
        present
          ? { answer: { bytes: present.copyBytes(), revision: { session, number: present.revision }, won: false } }
          : {
              answer: (number) => ({ bytes: nothing, revision: { session, number }, won: true }),
              put: { bytes: nothing, expiresAt: nowMs + stubMs, kind: itemKind },
            },
    });
  }

  private run<T>(storeKey: string, operation: Omit<Operation<T>, 'key'>): Promise<T> {
    assertStoreKey(storeKey);
    return this.database().queue.run<T>({ ...operation, key: storeKey });
  }

  private database(): DiskDatabase {
    const database = this.held?.database;
    if (database && !database.ended) return database;
    if (this.isClosed) throw new StoreUnavailableError(this.name, wasClosed);
    if (!this.wanted) throw new StoreUnavailableError(this.name, 'it is not open', { remedy: 'Call open() first.' });
    if (this.tuning.clock.monotonic() >= this.retryAt) this.opening ??= this.connect();
    const cause = this.failure ?? database?.ended;
    throw folderUnavailable(this.name, "the folder can't be used", cause);
  }

  private connect(): Promise<void> {
    return (this.opening ??= this.tryToOpen().finally(() => (this.opening = undefined)));
  }

  private async tryToOpen(): Promise<void> {
    const before = this.held;
    this.held = undefined;
    try {
      await before?.release();
      const held = await shareDatabase(this.name, this.directory, this.tuning, this);
      this.held = held;
      this.failure = undefined;
      this.retryMs = firstRetryMs;
    } catch (error) {
      const isNew = this.failure === undefined;
      this.failure = error;
      this.retryAt = this.tuning.clock.monotonic() + this.retryMs;
      this.retryMs = Math.min(this.retryMs * 2, lastRetryMs);
      if (isNew && !(error instanceof InvalidOptionError || error instanceof UsedElsewhereError)) {
        const message = `The folder can't be used: ${(error as Error).message.replace(/\.$/, '')}.`;
        reportFault({ source: this.name, kind: 'unavailable', message, cause: error });
      }
    }
  }
}
