import type { Timer } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { wasClosed } from '../../value/was-closed.js';
import { channels, reportFault } from '../../value/events.js';
import { hostMonotonicMs } from '../../value/host-monotonic.js';
import type { ItemView, StoredItem } from '../store.js';
import { FolderMovedError } from './commit-gate.js';
import type { CommitGate } from './commit-gate.js';
import type { DiskFolder } from './disk-folder.js';
import type { DiskTuning } from './disk-tuning.js';
import { enterFolder } from './enter-folder.js';
import { sessionKey } from './disk-key.js';
import type { DiskKey } from './disk-key.js';
import { ageOf, copyItemBytes, headView, isLive, itemKind, readRevision } from './disk-record.js';
import type { DiskInstant } from './disk-record.js';
import { errorCode, isDamage, loadLmdb } from './environment.js';
import type { Environment, Lmdb } from './environment.js';
import { folderUnavailable } from './folder-unavailable.js';
import { keyPage } from './key-page.js';
import type { KeyPage } from './key-page.js';
import { lendShard } from './lent-shard.js';
import type { LendableShard } from './lent-shard.js';
import { ownBootNumber } from './process-stamp.js';
import { Room } from './room.js';
import type { Usage } from './room.js';
import { Sweeper } from './sweeper.js';
import { transactionBounds } from './transaction-bounds.js';
import { TurnSnapshot } from './turn-snapshot.js';
import { WriteQueue } from './write-queue.js';

const contractedForMs = 30_000;
const failingSaidEachMs = 60_000;
const boot = ownBootNumber();
/** EIO is what LMDB makes of a write that was cut short: the usual sign of a disk that has just filled up. Node names them, lmdb has their numbers. */
const diskFull = new Set<unknown>(['ENOSPC', 28, 'EFBIG', 27, 'EDQUOT', 122, 'EIO', 5]);

/** One open database. It ends by `close`, or by itself when it is damaged or was moved away; then it is opened anew by who needs it. */
export class DiskDatabase {
  /** Why it can't be used any more. */
  ended: StoreUnavailableError | undefined;
  readonly queue: WriteQueue;
  /** The shards of this process that work on it: one of them does so for other containers, too. */
  readonly lenders = new Set<LendableShard>();
  /** Drawn when the database was started: revisions of another database match nothing here. */
  private sessionNumber = 0;
  private readonly room: Room;
  private readonly sweeper: Sweeper;
  private care: Timer | undefined;
  private isShut = false;
  /** The machine's monotonic clock minus this process's. */
  private readonly hostAheadMs: number;
  private caring: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private failingSaidAt = -Infinity;
  private contractedAt = -Infinity;

  /** @throws InvalidOptionError without lmdb, else what the file system or lmdb says. */
  static async open(name: string, directory: string, tuning: DiskTuning): Promise<DiskDatabase> {
    const lmdb = await loadLmdb();
    const { folder, environment, gate } = await enterFolder(name, directory, tuning, (path) => openSound(lmdb, path));
    const database = new DiskDatabase(name, folder, environment, gate, lmdb, tuning);
    folder.lifeline?.onConnection((socket) => lendShard(socket, () => [...database.lenders][0]));
    try {
      await database.begin();
    } catch (error) {
      await database.close();
      throw error;
    }
    return database;
  }

  private readonly snapshot: TurnSnapshot;

  private constructor(
    private readonly name: string,
    private readonly folder: DiskFolder,
    private readonly environment: Environment,
    gate: CommitGate,
    lmdb: Lmdb,
    private readonly tuning: DiskTuning,
  ) {
    const { clock, random } = tuning;
    this.hostAheadMs = hostMonotonicMs() - clock.monotonic();
    this.snapshot = new TurnSnapshot(environment, () => this.instant());
    this.queue = new WriteQueue(environment, lmdb, {
      name,
      now: () => this.instant(),
      clock,
      gate: tuning.waitsForOpeners ? gate : { ...gate, enter: async () => {} },
      deadlineMs: tuning.deadlineMs,
      bounds: () => transactionBounds(this.room.maxBytes),
      makeRoom: (bytes, withinMs) => this.room.make(bytes, withinMs),
      settled: (failure) => this.writeSettled(failure),
    });
    this.room = new Room(
      environment,
      tuning.maxBytes,
      () => folder.largestLimit,
      clock,
      random,
      (changes) => this.queue.apply(changes),
      (entries) => {
        if (channels.evicted.hasSubscribers) channels.evicted.publish({ cache: name, tier: 'disk', entries });
      },
    );
    this.sweeper = new Sweeper(environment, this.queue, clock, random, folder.stamp);
    this.careAfterAWhile();
  }

  private careAfterAWhile(): void {
    if (this.isShut || this.tuning.maxBytes === Infinity) return;
    this.care = this.tuning.clock.after(this.tuning.careEachMs, () => {
      this.caring ??= this.takeCare();
      this.careAfterAWhile();
    });
  }

  private instant(): DiskInstant {
    return { nowMs: this.tuning.clock.now(), hostMs: this.hostMs(), boot };
  }

  private hostMs(): number {
    return this.tuning.clock.monotonic() + this.hostAheadMs;
  }

  get session(): number {
    return this.sessionNumber;
  }

  /**
   * All of them from one snapshot, taken now and given back at once: the next read sees what others wrote since, and a process that stops
   * running keeps no old pages from being used again.
   *
   * @throws StoreUnavailableError
   */
  read(keys: readonly DiskKey[]): (StoredItem | undefined)[] {
    const now = this.instant();
    try {
      this.snapshot.end();
      const items: (StoredItem | undefined)[] = [];
      for (const key of keys) {
        const record = this.environment.getBinaryFast(key);
        const view = record && headView(record);
        items.push(view && isLive(view, now) ? this.itemOf(record, ageOf(view, now)) : undefined);
      }
      this.environment.resetReadTxn();
      return items;
    } catch (cause) {
      throw this.readFailed(cause);
    }
  }

  /** Where the item lies: the next call overwrites it. Reads of one turn share a snapshot. @throws StoreUnavailableError */
  view(key: DiskKey): ItemView | undefined {
    try {
      return this.snapshot.find(key, this.hostMs());
    } catch (cause) {
      throw this.readFailed(cause);
    }
  }

  /** @throws StoreUnavailableError */
  keyPage(prefix: string, after: Uint8Array | undefined): KeyPage {
    try {
      return keyPage(this.environment, this.tuning.clock, prefix, after);
    } catch (cause) {
      throw this.readFailed(cause);
    }
  }

  private itemOf(record: Buffer, ageMs: number | undefined): StoredItem {
    const bytes = copyItemBytes(record, this.environment.lastSize);
    const revision = { session: this.sessionNumber, number: readRevision(record) };
    return ageMs === undefined ? { bytes, revision } : { bytes, revision, ageMs };
  }

  /** @throws StoreUnavailableError */
  usage(): Usage & { readonly maxBytes: number } {
    try {
      return { ...this.room.measure(), maxBytes: this.room.maxBytes };
    } catch (cause) {
      throw this.readFailed(cause);
    }
  }

  /** The smaller limit counts when two stores of one process name the same directory. */
  limit(maxBytes: number): void {
    this.room.maxBytes = Math.min(this.room.maxBytes, maxBytes);
  }

  close(): Promise<void> {
    this.ended ??= new StoreUnavailableError(this.name, wasClosed);
    return (this.closing ??= this.shut(true));
  }

  /** Only a new database is written to: an old one opens on a full disk, too. */
  private async begin(): Promise<void> {
    const [known] = this.read([sessionKey]);
    if (known) {
      this.sessionNumber = Number(known.bytes.toString('latin1'));
      return;
    }
    const drawn = Math.floor(this.tuning.random() * 2 ** 48);
    this.sessionNumber = await this.queue.run({
      key: sessionKey,
      decide: (present) =>
        present
          ? { answer: Number(present.copyBytes().toString('latin1')) }
          : { answer: () => drawn, put: { bytes: Buffer.from(`${drawn}`), expiresAt: Infinity, kind: itemKind } },
    });
  }

  private async takeCare(): Promise<void> {
    try {
      if (!(await this.folder.isCurrent())) return this.endMoved();
      this.environment.readerCheck();
      if (this.tuning.clock.now() - this.contractedAt > contractedForMs) this.room.relax();
      if (await this.folder.isOutgrown(this.room.measure().fileBytes)) {
        return this.end('its file has outgrown maxBytes, and a file never shrinks', 'degraded', true);
      }
      this.room.doubt();
      this.queue.nudge();
      await this.sweeper.sweep();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) && !this.ended) this.readFailed(error);
    } finally {
      this.caring = undefined;
    }
  }

  private writeSettled(failure: unknown): void {
    if (failure === undefined) {
      this.failingSaidAt = -Infinity;
      return;
    }
    if (failure instanceof FolderMovedError) return this.endMoved();
    const now = this.tuning.clock.monotonic();
    if (now >= this.failingSaidAt + failingSaidEachMs) {
      this.failingSaidAt = now;
      const message = `Writes fail, reads go on: ${(failure as Error).message}.`;
      reportFault({ source: this.name, kind: 'degraded', message, cause: failure });
    }
    if (diskFull.has(errorCode(failure))) {
      this.contractedAt = this.tuning.clock.now();
      this.room.contract();
    }
    if (isDamage(failure)) return this.end((failure as Error).message, 'damaged', true);
    // A failure that LMDB calls fatal shows in the next read, and must be seen before the next write: that one would never return.
    try {
      this.environment.getBinaryFast(sessionKey);
      this.environment.resetReadTxn();
    } catch (error) {
      this.end((error as Error).message, 'damaged', isDamage(error));
    }
  }

  private readFailed(cause: unknown): StoreUnavailableError {
    if (this.ended) return this.ended;
    if (isDamage(cause)) this.end((cause as Error).message, 'damaged', true);
    return this.ended ?? folderUnavailable(this.name, 'a read failed', cause);
  }

  private endMoved(): void {
    this.end('its folder was moved or removed', 'degraded');
  }

  /** @param suspect the next to open it must not take it over unseen. */
  private end(problem: string, kind: 'damaged' | 'degraded', suspect = false): void {
    if (this.ended) return;
    this.ended = folderUnavailable(this.name, `the database can't be used any more: ${problem}`);
    reportFault({ source: this.name, kind, message: this.ended.message });
    this.closing = (suspect ? this.folder.suspect() : Promise.resolve()).then(() => this.shut(false));
  }

  private async shut(sound: boolean): Promise<void> {
    this.snapshot.close();
    this.isShut = true;
    this.care?.cancel();
    const reason = this.ended ?? new StoreUnavailableError(this.name, wasClosed);
    const quiet = await this.queue.close(reason);
    if (!quiet) {
      // Another process was stopped inside its transaction, or the disk hangs: lmdb closes when that is over, nobody waits for it.
      this.folder.leave(() => this.environment.close(), false).catch(() => undefined);
      return;
    }
    await this.folder.leave(() => this.environment.close(), sound);
  }
}

function openSound(lmdb: Lmdb, path: string): Environment {
  const environment = lmdb.open(path);
  // Reading tells a fatal state; and it takes the process's place among the readers.
  environment.getBinaryFast(sessionKey);
  environment.resetReadTxn();
  return environment;
}
