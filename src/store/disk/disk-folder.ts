import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isClean, markClean, removeCleanMark } from './clean-mark.js';
import { commitGate, gateBytes, holdCommits } from './commit-gate.js';
import type { CommitGate } from './commit-gate.js';
import { DamagedFileError, inspectDataFile } from './data-file.js';
import type { DataFile } from './data-file.js';
import { maxReaders } from './environment.js';
import { takeFileLock } from './file-lock.js';
import type { FileLock } from './file-lock.js';
import { FolderUsers } from './folder-users.js';
import type { FolderUser } from './folder-users.js';
import { bootName } from './process-stamp.js';
import { tryInChild } from './trial-open.js';

/** Part of the folder's name, so that two versions of this software with two formats can use one directory side by side. */
export const diskFormat = 'v1';

const lockWaitMs = 10_000;
const trialLimitMs = 1_200;
const commitWaitMs = 8_000;
const keptDamagedFolders = 1;

export interface Entered<T> {
  readonly environment: T;
  /** What each transaction passes. */
  readonly gate: CommitGate;
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
 * <directory>/v1/users/<process>        one empty file per user: it is open; the name ends with its slot in `gate`
 * <directory>/v1/gate, opening          keep commits and openings apart (commit-gate.ts)
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
  private readonly users: FolderUsers;
  private user: FolderUser | undefined;
  private gate: CommitGate | undefined;
  private inode: number | undefined;

  constructor(
    private readonly directory: string,
    private readonly maxFileBytes: number,
    private readonly onRefusal: (refusal: Refusal) => void,
  ) {
    this.path = join(directory, diskFormat);
    this.users = new FolderUsers(this.path);
  }

  /**
   * Vets the folder, sets it aside if it is damaged, and opens what is there then, while nobody commits.
   *
   * @param openEnvironment opens what lies at `path`.
   * @throws what the file system or `openEnvironment` says.
   */
  async enter<T>(openEnvironment: () => T, isDamage: (error: unknown) => boolean): Promise<Entered<T>> {
    await mkdir(this.directory, { recursive: true });
    const lock = await takeFileLock(`${this.path}.lock`, lockWaitMs);
    let release = async (): Promise<void> => {};
    try {
      await this.prepare();
      release = await holdCommits(this.path, await this.users.running(), commitWaitMs);
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
      await release();
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
      this.gate?.close();
      if (!this.user || !(await this.isCurrent())) return;
      await this.users.remove(this.user);
      if (lock && sound && (await this.users.running()).length === 0) await markClean(this.path);
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

  /** The cache holds what the application holds: nobody else's business. */
  private async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    if ((await this.users.running()).length > 0) return;
    // LMDB leaves its lock file sparse and maps it: on a full disk the first touch of a hole is a SIGBUS. Bytes that are written
    // are refused with an error instead. (Never while somebody has it open: closing it would drop that process's locks.)
    await this.reserve('lock.mdb', 64 * (maxReaders + 8));
    await this.reserve('gate', gateBytes);
  }

  private async reserve(name: string, bytes: number): Promise<void> {
    const path = join(this.path, name);
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size < bytes) await writeFile(path, Buffer.alloc(bytes), { mode: 0o600 });
  }

  private async register<T>(openEnvironment: () => T): Promise<Entered<T>> {
    await removeCleanMark(this.path);
    const user = await this.users.add(await this.users.running());
    let gate: CommitGate | undefined;
    try {
      if ((await this.boot()) !== bootName()) await writeFile(join(this.path, 'boot'), bootName(), { mode: 0o600 });
      gate = commitGate(this.path, user.slot);
      const environment = openEnvironment();
      this.inode = (await stat(join(this.path, 'data.mdb'))).ino;
      [this.user, this.gate] = [user, gate];
      return { environment, gate };
    } catch (error) {
      gate?.close();
      await this.users.remove(user);
      throw error;
    }
  }

  /** @returns what is wrong with the database; undefined: nothing, or there is none. */
  private async vet(): Promise<Refusal | undefined> {
    const others = await this.users.running();
    const suspected = await exists(join(this.path, 'suspect'));
    try {
      const file = await inspectDataFile(join(this.path, 'data.mdb'));
      if (!file || (others.length > 0 && !suspected)) return undefined;
      if (file.bytes > this.maxFileBytes) {
        return { kind: 'discarded', problem: 'its file is larger than maxBytes allows, and a file never shrinks' };
      }
      return (await isClean(this.path, file)) && !suspected ? undefined : await this.tryOut(file);
    } catch (error) {
      if (!(error instanceof DamagedFileError)) throw error;
      return { kind: 'damaged', problem: error.message };
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

  private async boot(): Promise<string | undefined> {
    return readFile(join(this.path, 'boot'), 'latin1').catch(() => undefined);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
