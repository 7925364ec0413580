import { takeFileLock } from '../store/disk/file-lock.js';
import type { FileLock } from '../store/disk/file-lock.js';
import { clearLifelines, knock, openLifeline } from '../store/disk/lifeline.js';
import type { Lifeline } from '../store/disk/lifeline.js';
import { livenessOf } from '../store/disk/liveness.js';
import type { Liveness } from '../store/disk/liveness.js';
import { drawStamp, readStamp } from '../store/disk/process-stamp.js';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileErrorCode, namesIn } from '../object/folder-object-file.js';
import type { Clock } from '../value/clock.js';

/** Who may fill a file, among the processes of this host. A holder that ended loses the right at once; one that merely stopped keeps it. */
export class FillLocks {
  private readonly stamp = drawStamp();
  private lifeline: Lifeline | undefined;

  constructor(
    private readonly root: string,
    private readonly clock: Clock,
  ) {}

  /** Also once more where the folder was removed and made again: others judge this process by the socket that lies in there. @throws ForeignFolderError */
  async open(): Promise<void> {
    const { instance } = readStamp(this.stamp);
    if (this.lifeline && (await knock(this.root, instance)) === 'open') return;
    await this.lifeline?.close();
    this.lifeline = await openLifeline(this.root, instance);
  }

  /** Removes the sockets of holders that ended, but for those whom a lock still names: without its socket nobody may be able to judge one. */
  async clear(): Promise<void> {
    await clearLifelines(this.root, () => this.marks());
  }

  async close(): Promise<void> {
    await this.lifeline?.close();
  }

  /** `undefined`: another one has it. @throws what the file system says. */
  async tryTake(path: string): Promise<FileLock | undefined> {
    try {
      return await this.take(path, 0);
    } catch (error) {
      if (fileErrorCode(error) !== undefined) throw error;
      return undefined;
    }
  }

  /** Waits for a holder that lives. @throws Error when it keeps it for longer, or what the file system says. */
  take(path: string, waitMs: number): Promise<FileLock> {
    return takeFileLock(path, {
      stamp: this.stamp,
      livenessOf: (stamp) => livenessOf(this.root, stamp),
      clock: this.clock,
      waitMs,
      unjudgedWaitMs: waitMs,
    });
  }

  /** Of whoever has the lock; `ended` also where nobody has. */
  async holderOf(path: string): Promise<Liveness> {
    const holder = await readlink(path).catch(() => undefined);
    return holder === undefined ? 'ended' : livenessOf(this.root, holder);
  }

  /** Of all locks of the folder, those too that somebody moves aside at this moment. */
  private async marks(): Promise<string[]> {
    const stamps: string[] = [];
    for (const folder of await readdir(this.root, { withFileTypes: true })) {
      if (!folder.isDirectory()) continue;
      const path = join(this.root, folder.name);
      const locks = (await namesIn(path)).filter((name) => name.includes('lock'));
      for (const lock of locks) stamps.push(await readlink(join(path, lock)).catch(() => ''));
    }
    return stamps;
  }
}
