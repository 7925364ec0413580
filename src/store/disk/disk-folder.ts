import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../value/clock.js';
import { markClean, removeCleanMark } from './clean-mark.js';
import { commitGate, gateBytes, holdCommits } from './commit-gate.js';
import type { CommitGate, GateKeeping } from './commit-gate.js';
import { reserveDataFile } from './empty-data-file.js';
import { maxReaders } from './environment.js';
import { takeFileLock, UnjudgedHolderError } from './file-lock.js';
import type { FileLock } from './file-lock.js';
import { FolderUsers } from './folder-users.js';
import type { FolderUser, Survey } from './folder-users.js';
import { clearLifelines, databaseMarks, openLifeline } from './lifeline.js';
import type { Lifeline } from './lifeline.js';
import { livenessOf } from './liveness.js';
import type { Liveness } from './liveness.js';
import { clearPastDatabases } from './past-databases.js';
import { assertSafeDirectory, makeFolders, makePrivateFolder, writePrivateFile } from './private-folder.js';
import { bootName, drawStamp, isOfThisNamespace, processRuns, readStamp } from './process-stamp.js';
import { bootOf, vet } from './vetting.js';
import type { Refusal } from './vetting.js';

/** Part of the folder's name, so that two versions of this software with two formats can use one directory side by side. 0.1 has `v1`. */
export const diskFormat = 'v2';

/** Times maxBytes: a process that stopped in the middle of a read keeps freed pages from being used again. */
const outgrown = 1.5;
const lockWaitMs = 10_000;
const leaveWaitMs = 2_000;
/** What others wait for at the start is at most this much, and what is left of their two seconds is for the trial. */
const unjudgedWaitMs = 500;
const commitWaitMs = 3_000;
const keptDamagedFolders = 1;

/**
 * Processes of another container have the database open. LMDB tells processes apart by their ids, which mean nothing across containers, so
 * it is open in one of them at a time, and the others work through it.
 */
export class UsedElsewhereError extends Error {
  constructor(
    readonly directory: string,
    /** Of the lifelines of those that have it open. */
    readonly instances: readonly string[],
  ) {
    super('processes of another container have it open');
  }
}

/**
 * `containers`: process ids mean the same everywhere. `pages`: LMDB makes its file itself. `ownership`: whose the folder is, and what lies in it, is
 * of no interest.
 */
export type Protection = 'containers' | 'pages' | 'ownership';

export interface FolderOptions {
  /** Infinity: a visitor, who starts no database anew. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly onRefusal: (refusal: Refusal) => void;
  /** The protection that is off. Only for negative controls. */
  readonly without?: Protection | undefined;
  /** Which of the directory's databases. Default: the one of this format, which everybody uses. */
  readonly name?: string;
}

export interface Entered<T> {
  readonly environment: T;
  /** What each transaction passes. */
  readonly gate: CommitGate;
}

/**
 * The folder of one database, and who may use it when.
 *
 * ```
 * <directory>/v2/data.mdb, lock.mdb     LMDB's
 * <directory>/v2/users/<process>        one empty file per user: it is open; the name ends with its slot in `gate` and its `maxBytes`
 * <directory>/v2/gate, opening          keep commits and openings apart (commit-gate.ts)
 * <directory>/v2/clean                  the last user closed it, and the disk has it all
 * <directory>/v2/suspect                a user found damage inside
 * <directory>/v2.lock                   held while somebody opens, closes or sets aside
 * <directory>/lifelines/<instance>      a socket per opener: who lives (lifeline.ts), and the door for other containers
 * <directory>/v2.damaged-<instant>      set aside
 * <directory>/v2-<namespace>.<boot>     the like of `v2`, of one container alone (past-databases.ts)
 * ```
 *
 * A file whose pages aren't what LMDB expects kills the process that maps it (SIGBUS behind the end of the file, SIGSEGV for a
 * garbled pointer). So nobody maps a file that nobody vouches for: another user that has it open, the clean mark of its last
 * user, or a child process that read all of it (vetting.ts). After a restart of the machine only the mark counts: without a sync,
 * the disk may have kept an old state, in which deleted items live on.
 */
export class DiskFolder {
  readonly path: string;
  readonly stamp = drawStamp();
  lifeline: Lifeline | undefined;
  private readonly users: FolderUsers;
  private readonly keeping: GateKeeping;
  private user: FolderUser | undefined;
  private gate: CommitGate | undefined;
  private inode: number | undefined;
  private largest = 0;

  constructor(
    private readonly directory: string,
    private readonly options: FolderOptions,
  ) {
    this.path = join(directory, options.name ?? diskFormat);
    const judge = async (stamp: string): Promise<Liveness> => {
      if (options.without !== 'containers') return livenessOf(directory, stamp);
      return processRuns(readStamp(stamp)) ? 'running' : 'ended';
    };
    this.users = new FolderUsers(this.path, judge);
    this.keeping = { stamp: this.stamp, livenessOf: judge, clock: options.clock };
  }

  /**
   * Vets the folder, sets it aside if it is damaged, and opens what is there then, while nobody commits.
   *
   * @param openEnvironment opens what lies at `path`.
   * @throws UsedElsewhereError, UnjudgedHolderError, ForeignFolderError, what the file system or `openEnvironment` says.
   */
  async enter<T>(openEnvironment: () => T, isDamage: (error: unknown) => boolean): Promise<Entered<T>> {
    if (this.options.without !== 'ownership') await assertSafeDirectory(this.directory);
    this.lifeline = await openLifeline(this.directory, readStamp(this.stamp).instance);
    try {
      return await this.enterLocked(openEnvironment, isDamage);
    } catch (error) {
      await this.lifeline?.close();
      throw error;
    }
  }

  private async enterLocked<T>(openEnvironment: () => T, isDamage: (error: unknown) => boolean): Promise<Entered<T>> {
    const lock = await this.takeLock(lockWaitMs);
    let release = async (): Promise<void> => {};
    try {
      const users = await this.prepare();
      this.assertUsable(users);
      release = await holdCommits(this.path, [...users.running, ...users.ending], commitWaitMs, this.keeping);
      // Some may have ended during the wait: they have had theirs by now, and vouch for nothing.
      const { running, ending } = await this.users.survey();
      for (const user of ending) await this.users.remove(user);
      // No larger file than one of its users allows is taken away from them.
      this.largest = Math.max(this.options.maxBytes, ...running.map(({ maxBytes }) => maxBytes));
      const refusal = await vet(this.path, running.length > 0, this.largest * outgrown);
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
      // Others commit again: it may take a while in a directory that holds much else.
      if (this.options.maxBytes !== Infinity) await clearPastDatabases(this.directory, this.keeping);
      await clearLifelines(this.directory, () => databaseMarks(this.directory));
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
      lock = await this.takeLock(leaveWaitMs);
    } catch {
      // Read-only by now, or held for long: the next user has the database tried in a child.
    }
    try {
      await closeEnvironment();
      this.gate?.close();
      if (!this.user || !(await this.isCurrent())) return;
      await this.users.remove(this.user);
      if (lock && sound && isUnused(await this.users.survey())) await markClean(this.path);
    } catch {
      // Without the mark nothing is lost but time.
    } finally {
      await lock?.release().catch(() => undefined);
      await this.lifeline?.close();
    }
  }

  private takeLock(waitMs: number): Promise<FileLock> {
    return takeFileLock(`${this.path}.lock`, { ...this.keeping, waitMs, unjudgedWaitMs });
  }

  private assertUsable({ running, unknown }: Survey): void {
    if (this.options.without === 'containers') return;
    if (unknown[0]) throw new UnjudgedHolderError(this.path, unknown[0].stamp);
    const elsewhere = running.map(({ stamp }) => readStamp(stamp)).filter((stamp) => !isOfThisNamespace(stamp));
    if (elsewhere.length > 0) {
      throw new UsedElsewhereError(
        this.directory,
        elsewhere.map(({ instance }) => instance),
      );
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

  /** Of those that were seen to have it open. One that is started anew finds its database. */
  get largestLimit(): number {
    return this.largest;
  }

  /** A file of this size is larger than each of its users allows. */
  async isOutgrown(fileBytes: number): Promise<boolean> {
    if (fileBytes <= this.largest) return false;
    this.largest = Math.max(this.largest, await this.users.largestLimit());
    return fileBytes > this.largest * outgrown;
  }

  /** The next to open the folder doesn't trust that others have it open. */
  async suspect(): Promise<void> {
    await writePrivateFile(join(this.path, 'suspect'), '').catch(() => undefined);
  }

  /** The cache holds what the application holds: nobody else's business. @returns who has it open. */
  private async prepare(): Promise<Survey> {
    if (this.options.without === 'ownership') await makeFolders(this.path);
    else await makePrivateFolder(this.path);
    const users = await this.users.survey();
    if (users.running.length > 0 || users.unknown.length > 0) return users;
    // LMDB leaves its lock file sparse and maps it: on a full disk the first touch of a hole is a SIGBUS. Bytes that are written
    // are refused with an error instead. (Never while somebody has it open: closing it would drop that process's locks.)
    await this.reserve('lock.mdb', 64 * (maxReaders + 8));
    await this.reserve('gate', gateBytes);
    return users;
  }

  private async reserve(name: string, bytes: number): Promise<void> {
    const path = join(this.path, name);
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size < bytes) await writePrivateFile(path, Buffer.alloc(bytes));
  }

  private async register<T>(openEnvironment: () => T): Promise<Entered<T>> {
    await removeCleanMark(this.path);
    const { running, ending } = await this.users.survey();
    const user = await this.users.add(this.stamp, this.options.maxBytes, [...running, ...ending]);
    let gate: CommitGate | undefined;
    try {
      if ((await bootOf(this.path)) !== bootName()) await writePrivateFile(join(this.path, 'boot'), bootName());
      gate = commitGate(this.path, user.slot, this.keeping);
      if (this.options.without !== 'pages') await reserveDataFile(join(this.path, 'data.mdb'));
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

  /**
   * 1. A finds the file damaged and holds the lock.  2. B, which has the file open, goes on reading: its map outlives the rename.  3. A renames,
   * and opens an empty database in the old place.  4. B finds another folder in the place at its next write, or within a second, closes and
   * enters anew. Between 3 and 4 B doesn't see A's writes, and nothing of B's is acknowledged; B's next look at the coherence log finds
   * another session, and clears.
   */
  private async setAside(refusal: Refusal, lock: FileLock): Promise<void> {
    if (this.options.maxBytes === Infinity) throw new Error(`the application would start it anew: ${refusal.problem}`);
    if (!(await lock.isHeld())) throw new Error('the right to set the folder aside was lost');
    // With a power cut it may be back in its place.
    await removeCleanMark(this.path);
    const instant = new Date(this.options.clock.now()).toISOString().replaceAll(/[:.]/g, '-');
    await rename(this.path, `${this.path}.${refusal.kind}-${instant}`);
    this.options.onRefusal(refusal);
    const names = (await readdir(this.directory)).sort();
    const damaged = names.filter((name) => name.startsWith(`${this.name}.damaged-`));
    const discarded = names.filter((name) => name.startsWith(`${this.name}.discarded-`));
    for (const name of [...discarded, ...damaged.slice(0, -keptDamagedFolders)]) {
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
    await this.prepare();
  }

  private get name(): string {
    return this.options.name ?? diskFormat;
  }
}

const isUnused = ({ running, ending, unknown }: Survey): boolean =>
  running.length === 0 && ending.length === 0 && unknown.length === 0;
