import { mkdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { bootName } from '../store/disk/process-stamp.js';
import { writePrivateFile } from '../store/disk/private-folder.js';
import type { Clock } from '../value/clock.js';
import { channels } from '../value/events.js';
import type { FillLocks } from './fill-locks.js';
import { entriesOf } from './folder-scan.js';
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

/** An eviction goes down to this part of `maxBytes`, so that the next downloads need none. */
const evictedTo = 0.9;
const lockWaitMs = 10_000;

/**
 * The bytes of the folder. They are reserved before a download begins, by all processes of the host from one count, so that the bound holds at every
 * moment. A process that dies leaves its reservation behind: the count is taken anew at every eviction and when the machine has started.
 */
export class FolderRoom {
  /** Of its own: a lock is a link, and whoever enters the folder above refuses links. */
  private readonly folder: string;
  private readonly ledger: string;
  /** Turns within this process, so that its calls don't wait for each other by the file. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: FolderRoomOptions) {
    this.folder = join(options.root, 'room');
    this.ledger = join(this.folder, 'bytes');
  }

  /** False: there is no room, also after all that may go went. @throws what the file system says. */
  async reserve(bytes: number): Promise<boolean> {
    const { maxBytes } = this.options;
    return this.locked(async () => {
      const used = await this.used();
      if (used + bytes <= maxBytes && (await this.missingFree(bytes)) <= 0) {
        await this.note(used + bytes);
        return true;
      }
      const left = await this.evict(bytes);
      const fits = left + bytes <= maxBytes && (await this.missingFree(bytes)) <= 0;
      await this.note(fits ? left + bytes : left);
      return fits;
    });
  }

  /** What was reserved, or lay there, is not used any more. */
  async giveBack(bytes: number): Promise<void> {
    await this.locked(async () => this.note(Math.max(0, (await this.used()) - bytes)));
  }

  /** Evicts until so many bytes more are free on the disk than are now. */
  async makeFree(bytes: number): Promise<void> {
    await this.locked(async () => this.note(await this.evict(0, bytes)));
  }

  /** Counts anew, and removes what was left unfinished for too long or before the machine started. */
  async recount(): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    return this.locked(async () => {
      const entries = await this.survivors();
      const used = total(entries);
      await this.note(used);
      return used;
    });
  }

  /** Bytes in use and reserved, as they were last counted. */
  async used(): Promise<number> {
    const [boot, count] = (await readFile(this.ledger, 'latin1').catch(() => '')).split(' ');
    const used = Number(count);
    if (boot === bootName() && count !== undefined && Number.isSafeInteger(used)) return used;
    return total(await this.survivors());
  }

  /** @returns what is in use then. */
  private async evict(bytes: number, wantedFree = 0): Promise<number> {
    const { maxBytes, name } = this.options;
    const entries = await this.survivors();
    let used = total(entries);
    const missing = Math.max(await this.missingFree(bytes), wantedFree);
    const goal = Math.min(maxBytes * evictedTo - bytes, used - missing);
    let evicted = 0;
    for (const { kind, path, bytes: size } of entries.sort((one, other) => one.usedAt - other.usedAt)) {
      if (used <= goal) break;
      if (kind !== 'file') continue;
      await rm(path, { force: true });
      used -= size;
      evicted++;
    }
    if (evicted > 0 && channels.evicted.hasSubscribers) {
      channels.evicted.publish({ cache: name, tier: 'disk', entries: evicted });
    }
    return used;
  }

  /** Files and unfinished files that stay. */
  private async survivors(): Promise<FoundEntry[]> {
    const { root, partMs, clock } = this.options;
    const stay: FoundEntry[] = [];
    const boot = bootName();
    for await (const entry of entriesOf(root)) {
      if (entry.kind === 'part') {
        const isOld = entry.usedAt < clock.now() - partMs;
        const isOfOtherBoot = entry.header !== undefined && entry.header.boot !== boot;
        if (isOfOtherBoot || (isOld && (await this.isAbandoned(entry.path)))) await rm(entry.path, { force: true });
        else stay.push(entry);
      } else if (entry.kind === 'file') stay.push(entry);
    }
    return stay;
  }

  private async isAbandoned(part: string): Promise<boolean> {
    const lock = part.replace(/\.[0-9a-f-]{36}\.part$/, '.lock');
    return (await this.options.locks.holderOf(lock)) === 'ended';
  }

  /** Bytes that have to go before so many can come. */
  private async missingFree(bytes: number): Promise<number> {
    const { root, minFreeBytes } = this.options;
    if (minFreeBytes === 0) return 0;
    const { bavail, bsize } = await statfs(root);
    return minFreeBytes + bytes - bavail * bsize;
  }

  /** A count that can't be written, on a full disk, is taken anew by the next who asks. */
  private async note(used: number): Promise<void> {
    const next = `${this.ledger}.new`;
    try {
      await writePrivateFile(next, `${bootName()} ${used}`);
      await rename(next, this.ledger);
    } catch {
      await rm(this.ledger, { force: true });
    }
  }

  private locked<T>(work: () => Promise<T>): Promise<T> {
    const run = this.turn.then(async () => {
      const { locks } = this.options;
      const lock = await locks.take(join(this.folder, 'lock'), lockWaitMs);
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
