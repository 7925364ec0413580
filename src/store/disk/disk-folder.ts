import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DamagedFileError, inspectDataFile } from './data-file.js';
import type { DataFile } from './data-file.js';
import { maxReaders } from './environment.js';
import { takeFileLock } from './file-lock.js';
import type { FileLock } from './file-lock.js';
import { bootName, isRunning, ownStamp } from './process-stamp.js';
import { tryInChild } from './trial-open.js';

/** Part of the folder's name, so that two versions of this software with two formats can use one directory side by side. */
export const diskFormat = 'v1';

const lockWaitMs = 10_000;
const trialLimitMs = 1_200;
const keptDamagedFolders = 1;

/** What is known of a database that its last user closed in order. */
interface CleanMark {
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly inode: number;
  readonly transaction: number;
}

/** Why a database is not taken over. A damaged one is kept for whoever wants to know. */
export interface Refusal {
  readonly kind: 'damaged' | 'discarded';
  readonly problem: string;
}

/**
 * The folder of one database, and who may use it when.
 *
 * ```
 * <directory>/v1/data.mdb, lock.mdb     LMDB's
 * <directory>/v1/users/<process>        one empty file per user: it is open
 * <directory>/v1/clean                  the last user closed it, and the disk has it all
 * <directory>/v1/suspect                a user found damage inside
 * <directory>/v1.lock                   held while somebody opens, closes or sets aside
 * <directory>/v1.damaged-<instant>      set aside
 * ```
 *
 * A file whose pages aren't what LMDB expects kills the process that maps it (SIGBUS behind the end of the file, SIGSEGV for a
 * garbled pointer). So nobody maps a file that nobody vouches for: another user that has it open, the clean mark of its last
 * user, or a child process that read all of it (`vet`). After a restart of the machine only the mark counts: without a sync,
 * the disk may have kept an old state, in which deleted items live on.
 */
export class DiskFolder {
  readonly path: string;
  private readonly user = `${ownStamp}-${randomUUID().slice(0, 8)}`;
  private inode: number | undefined;

  constructor(
    private readonly directory: string,
    private readonly maxFileBytes: number,
    private readonly onRefusal: (refusal: Refusal) => void,
  ) {
    this.path = join(directory, diskFormat);
  }

  /**
   * Vets the folder, sets it aside if it is damaged, and opens what is there then.
   *
   * @param openEnvironment must be synchronous, or another could set the folder aside before it is mapped.
   * @throws what the file system or `openEnvironment` says.
   */
  async enter<T>(openEnvironment: () => T, isDamage: (error: unknown) => boolean): Promise<T> {
    await mkdir(this.directory, { recursive: true });
    const lock = await takeFileLock(`${this.path}.lock`, lockWaitMs);
    try {
      await this.prepare();
      const refusal = await this.vet();
      if (refusal) await this.setAside(refusal, lock);
      try {
        return await this.register(openEnvironment);
      } catch (error) {
        if (!isDamage(error)) throw error;
        await this.setAside({ kind: 'damaged', problem: (error as Error).message }, lock);
        return await this.register(openEnvironment);
      }
    } finally {
      await lock.release();
    }
  }

  /**
   * Ends the use. The last user of a sound database leaves the clean mark, after the disk has it all.
   *
   * @param closeEnvironment resolves when nothing is mapped any more.
   */
  async leave(closeEnvironment: () => Promise<void>, sound: boolean): Promise<void> {
    let lock: FileLock | undefined;
    try {
      lock = await takeFileLock(`${this.path}.lock`, lockWaitMs);
    } catch {
      // Read-only by now, or held for long: the next user has the database tried in a child.
    }
    try {
      await closeEnvironment();
      if (!(await this.isCurrent())) return;
      await rm(join(this.path, 'users', this.user), { force: true });
      if (lock && sound && (await this.otherUsers()).length === 0) await this.markClean();
    } catch {
      // Without the mark nothing is lost but time.
    } finally {
      await lock?.release().catch(() => undefined);
    }
  }

  /** False: the folder that was opened is no longer in its place, so other processes use another. */
  async isCurrent(): Promise<boolean> {
    try {
      const { ino } = await stat(join(this.path, 'data.mdb'));
      return ino === this.inode;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ENOENT';
    }
  }

  /** The next to open the folder doesn't trust that others have it open. */
  async suspect(): Promise<void> {
    await writeFile(join(this.path, 'suspect'), '', { mode: 0o600 }).catch(() => undefined);
  }

  private async prepare(): Promise<void> {
    // The cache holds what the application holds: nobody else's business.
    await mkdir(join(this.path, 'users'), { recursive: true, mode: 0o700 });
    if ((await this.otherUsers()).length === 0) await this.reserveLockFile();
  }

  private async register<T>(openEnvironment: () => T): Promise<T> {
    await rm(join(this.path, 'clean'), { force: true });
    const user = join(this.path, 'users', this.user);
    await writeFile(user, '', { mode: 0o600 });
    try {
      if ((await this.boot()) !== bootName()) await writeFile(join(this.path, 'boot'), bootName(), { mode: 0o600 });
      const environment = openEnvironment();
      this.inode = (await stat(join(this.path, 'data.mdb'))).ino;
      return environment;
    } catch (error) {
      await rm(user, { force: true });
      throw error;
    }
  }

  private async vet(): Promise<Refusal | undefined> {
    const others = await this.otherUsers();
    const suspected = await exists(join(this.path, 'suspect'));
    for (let attempt = 1; ; attempt++) {
      try {
        const file = await inspectDataFile(join(this.path, 'data.mdb'));
        if (!file || (others.length > 0 && !suspected)) return undefined;
        if (others.length === 0 && file.bytes > this.maxFileBytes) {
          return { kind: 'discarded', problem: 'its file is larger than maxBytes allows, and a file never shrinks' };
        }
        return (await this.isClean(file)) && !suspected ? undefined : await this.tryOut(file);
      } catch (error) {
        if (!(error instanceof DamagedFileError)) throw error;
        // A page that is being written can be seen half old, half new.
        if (others.length === 0 || attempt === 3) return { kind: 'damaged', problem: error.message };
      }
    }
  }

  private async tryOut(file: DataFile): Promise<Refusal | undefined> {
    if ((await this.boot()) !== bootName()) {
      return { kind: 'discarded', problem: 'the machine was restarted while it was open' };
    }
    const outcome = await tryInChild(this.path, trialLimitMs);
    if (outcome.status === 'damaged') return { kind: 'damaged', problem: outcome.problem };
    // Pages may be missing at the end for good reasons, which only a full reading tells from a cut.
    if (outcome.status === 'unfinished' && file.bytes < file.usedBytes)
      return { kind: 'damaged', problem: 'it is cut off' };
    await rm(join(this.path, 'suspect'), { force: true });
    return undefined;
  }

  /**
   * 1. A finds the file damaged and holds the lock.  2. B, which has the file open, goes on: its map outlives the rename.  3. A renames,
   * and opens an empty database in the old place.  4. B finds another inode in the place within a second, closes and enters anew.
   * Between 3 and 4 the two don't see each other's writes; B's next look at the coherence log finds another session, and clears.
   */
  private async setAside(refusal: Refusal, lock: FileLock): Promise<void> {
    if (!(await lock.isHeld())) throw new Error('the right to set the folder aside was lost');
    const instant = new Date().toISOString().replaceAll(/[:.]/g, '-');
    await rename(this.path, `${this.path}.${refusal.kind}-${instant}`);
    this.onRefusal(refusal);
    const names = (await readdir(this.directory)).sort();
    const damaged = names.filter((name) => name.startsWith(`${diskFormat}.damaged-`));
    const discarded = names.filter((name) => name.startsWith(`${diskFormat}.discarded-`));
    for (const name of [...discarded, ...damaged.slice(0, -keptDamagedFolders)]) {
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
    await this.prepare();
  }

  /** The files of dead users are cleared away. */
  private async otherUsers(): Promise<string[]> {
    const users = (await readdir(join(this.path, 'users'))).filter((user) => user !== this.user);
    const running = users.filter(isRunning);
    for (const user of users) {
      if (!running.includes(user)) await rm(join(this.path, 'users', user), { force: true });
    }
    return running;
  }

  /**
   * LMDB leaves its lock file sparse and maps it: on a full disk the first touch of a hole is a SIGBUS. Bytes that are written are
   * refused with an error instead. Nobody else has it open.
   */
  private async reserveLockFile(): Promise<void> {
    const path = join(this.path, 'lock.mdb');
    const bytes = 64 * (maxReaders + 8);
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size < bytes) await writeFile(path, Buffer.alloc(bytes), { mode: 0o600 });
  }

  private async boot(): Promise<string | undefined> {
    return readFile(join(this.path, 'boot'), 'latin1').catch(() => undefined);
  }

  private async markClean(): Promise<void> {
    const handle = await open(join(this.path, 'data.mdb'), 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    const file = await inspectDataFile(join(this.path, 'data.mdb'));
    if (!file) return;
    const mark: CleanMark = {
      bytes: file.bytes,
      modifiedAtMs: file.modifiedAtMs,
      inode: file.inode,
      transaction: file.lastTransaction,
    };
    // Durable before it counts: a mark that a power cut tears is no mark.
    const temporary = join(this.path, 'clean.new');
    const written = await open(temporary, 'w', 0o600);
    try {
      await written.writeFile(JSON.stringify(mark));
      await written.sync();
    } finally {
      await written.close();
    }
    await rename(temporary, join(this.path, 'clean'));
  }

  /** The file is as its last user left it. */
  private async isClean(file: DataFile): Promise<boolean> {
    try {
      const mark = JSON.parse(await readFile(join(this.path, 'clean'), 'utf8')) as CleanMark;
      return (
        mark.bytes === file.bytes &&
        mark.modifiedAtMs === file.modifiedAtMs &&
        mark.inode === file.inode &&
        mark.transaction === file.lastTransaction
      );
    } catch {
      return false;
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
