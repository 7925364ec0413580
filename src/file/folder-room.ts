import { randomUUID } from 'node:crypto';
import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fileErrorCode } from '../object/folder-object-file.js';
import { bootName } from '../store/disk/process-stamp.js';
import type { FileLock } from '../store/disk/file-lock.js';
import type { Clock } from '../value/clock.js';
import { channels } from '../value/events.js';
import { pathOfPart } from './file-place.js';
import type { FillLocks } from './fill-locks.js';
import { FolderLedger } from './folder-ledger.js';
import type { LedgerEntry } from './folder-ledger.js';
import { FolderRemoval, unlinked } from './folder-removal.js';
import { entriesOf, finishedEntryOf } from './folder-scan.js';
import type { FoundEntry } from './folder-scan.js';

export interface FolderRoomOptions {
  readonly name: string;
  readonly root: string;
  readonly maxBytes: number;
  readonly minFreeBytes: number;
  /** How long an unfinished file stays after its last byte. */
  readonly partMs: number;
  readonly clock: Clock;
  readonly locks: FillLocks;
}

/**
 * `full`: there is no room, also after all that may go went; or others count for too long. `purged`: none is needed, since nothing will have a name.
 */
export type Reservation = 'reserved' | 'purged' | 'full';

/** An eviction goes down to this part of `maxBytes`, so that the next downloads need none. */
const evictedTo = 0.9;
const lockWaitMs = 10_000;

/**
 * The bytes of the folder. They are reserved before a download begins, by all processes of the host from one count. The count is never less than what
 * lies in the folder with all that its unfinished files will take, so the bound holds at every moment:
 *
 * 1. A reserves, and B counts anew. B may not lose A's bytes, so an unfinished file says its size before A lets go of the lock.
 * 2. A takes a file away, B counts anew, and A gives its bytes back. They went with B's count, so A keeps them to itself: the ledger's `count` tells.
 * 3. A and B take one file away. One of them has unlinked it, and that one gives its bytes back.
 * 4. A's unfinished file is purged while A reserves for it. Either the purge finds the size in it and gives it back, or A finds no name and takes it
 *    back; each is done under the lock.
 *
 * What can't be told counts as used until the next eviction, which counts anew; so does what a process reserved that died.
 */
export class FolderRoom {
  /** Of its own: a lock is a link, and whoever enters the folder above refuses links. */
  private readonly folder: string;
  private readonly ledger: FolderLedger;
  /** Turns within this process, so that its calls don't wait for each other by the file. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: FolderRoomOptions) {
    this.folder = join(options.root, 'room');
    this.ledger = new FolderLedger(join(this.folder, 'bytes'));
  }

  /**
   * @param claim makes the folder say that these bytes are taken. False: what they are for was purged.
   * @throws what the file system says, or `claim`.
   */
  async reserve(bytes: number, claim: () => Promise<boolean>): Promise<Reservation> {
    const { maxBytes } = this.options;
    return this.locked(
      async () => {
        const fits = async ({ used }: LedgerEntry): Promise<boolean> =>
          used + bytes <= maxBytes && (await this.missingFree(bytes)) <= 0;
        let now = await this.counted();
        if (!(await fits(now))) now = await this.evict(bytes);
        if (!(await fits(now))) return 'full';
        // First, so that a process which dies in between leaves too much.
        await this.ledger.write({ ...now, used: now.used + bytes });
        let isClaimed = false;
        try {
          isClaimed = await claim();
        } finally {
          if (!isClaimed) await this.ledger.write(now);
        }
        return isClaimed ? 'reserved' : 'purged';
      },
      () => 'full',
    );
  }

  /** Files are to be taken away: what is counted now tells later whether they were. */
  async beginRemoval(): Promise<FolderRemoval> {
    const known = await this.ledger.read();
    return new FolderRemoval((countedBytes) =>
      this.locked(async () => {
        const now = await this.ledger.read();
        if (!now || now.count !== known?.count) return;
        await this.ledger.write({ ...now, used: Math.max(0, now.used - (await countedBytes())) });
      }),
    );
  }

  /** Takes one file away. @throws what the file system says. */
  async remove(path: string): Promise<void> {
    const removal = await this.beginRemoval();
    try {
      await removal.unlink(path);
    } finally {
      await removal.settle();
    }
  }

  /** Evicts until so many bytes more are free on the disk than are now. */
  async makeFree(bytes: number): Promise<void> {
    await this.locked(async () => void (await this.evict(0, bytes)));
  }

  /** Counts anew, and removes what was left unfinished for too long or before the machine started, and what is left of holders of locks. */
  async recount(): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    return this.locked(async () => {
      await this.options.locks.clear();
      return (await this.countAnew()).used;
    });
  }

  /** Bytes in use and reserved, as they were last counted. */
  async used(): Promise<number> {
    return (await this.ledger.read())?.used ?? total(await this.survivors());
  }

  private async counted(): Promise<LedgerEntry> {
    return (await this.ledger.read()) ?? this.countAnew();
  }

  private async countAnew(entries?: readonly FoundEntry[]): Promise<LedgerEntry> {
    const counted = { used: total(entries ?? (await this.survivors())), count: randomUUID() };
    await this.ledger.write(counted);
    return counted;
  }

  private async evict(bytes: number, wantedFree = 0): Promise<LedgerEntry> {
    const { maxBytes, name } = this.options;
    const entries = await this.survivors();
    const used = total(entries);
    const missing = Math.max(await this.missingFree(bytes), wantedFree);
    const goal = Math.min(maxBytes * evictedTo - bytes, used - missing);
    const evicted = new Set<FoundEntry>();
    let left = used;
    for (const entry of [...entries].sort((one, other) => one.usedAt - other.usedAt)) {
      if (left <= goal) break;
      if (entry.kind !== 'file') continue;
      await unlinked(entry.path);
      left -= entry.bytes;
      evicted.add(entry);
    }
    if (evicted.size > 0 && channels.evicted.hasSubscribers) {
      channels.evicted.publish({ cache: name, tier: 'disk', entries: evicted.size });
    }
    return this.countAnew(entries.filter((entry) => !evicted.has(entry)));
  }

  /** Files and unfinished files that stay. */
  private async survivors(): Promise<FoundEntry[]> {
    const stay: FoundEntry[] = [];
    for await (const entry of entriesOf(this.options.root)) {
      if (entry.kind === 'file') stay.push(entry);
      if (entry.kind !== 'part') continue;
      if (!(await this.isLeftBehind(entry))) stay.push(entry);
      else if (!(await unlinked(entry.path))) {
        const finished = await finishedEntryOf(entry.path);
        if (finished) stay.push(finished);
      }
    }
    return stay;
  }

  private async isLeftBehind({ path, usedAt, header }: FoundEntry): Promise<boolean> {
    const { partMs, clock, locks } = this.options;
    if (header !== undefined && header.boot !== bootName()) return true;
    return usedAt < clock.now() - partMs && (await locks.holderOf(`${pathOfPart(path)}.lock`)) === 'ended';
  }

  /** Bytes that have to go before so many can come. */
  private async missingFree(bytes: number): Promise<number> {
    const { root, minFreeBytes } = this.options;
    if (minFreeBytes === 0) return 0;
    const { bavail, bsize } = await statfs(root);
    return minFreeBytes + bytes - bavail * bsize;
  }

  /**
   * The wait for a turn counts, so that the tenth of those who come while others have the lock waits no longer than the first.
   *
   * @param busy what is returned when others have the lock for too long. Default: an error.
   */
  private locked<T>(work: () => Promise<T>, busy?: () => T): Promise<T> {
    const { clock } = this.options;
    const waitsUntil = clock.monotonic() + lockWaitMs;
    const run = this.turn.then(async () => {
      let lock: FileLock;
      try {
        const waitMs = Math.max(0, waitsUntil - clock.monotonic());
        lock = await this.options.locks.take(join(this.folder, 'lock'), waitMs);
      } catch (error) {
        if (busy && fileErrorCode(error) === undefined) return busy();
        throw error;
      }
      try {
        return await work();
      } finally {
        await lock.release();
      }
    });
    this.turn = run.catch(() => undefined);
    return run;
  }
}

function total(entries: readonly FoundEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
