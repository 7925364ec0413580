import { join } from 'node:path';
import { assertSafeDirectory, makeFolders, makePrivateFolder } from '../store/disk/private-folder.js';
import { fileErrorCode } from '../object/folder-object-file.js';
import { reportFault } from '../value/events.js';
import { filesFolder } from './file-place.js';
import { FillLocks } from './fill-locks.js';
import { FolderRoom } from './folder-room.js';
import type { FilesTuning } from './files-tuning.js';
import type { ResolvedFilesOptions } from './tiered-files-options.js';

/** The folder of copies: made when it is first needed, and again when it is gone. While it can't be used, files are handed through. */
export class FilesFolder {
  readonly root: string;
  readonly locks: FillLocks;
  readonly room: FolderRoom;
  private preparing: Promise<void> | undefined;
  private failedAt = -Infinity;
  private saidAt = -Infinity;

  constructor(
    private readonly options: ResolvedFilesOptions,
    private readonly tuning: FilesTuning,
  ) {
    const { directory, name, maxBytes, minFreeBytes, clock } = options;
    this.root = join(directory, filesFolder);
    this.locks = new FillLocks(this.root, clock);
    this.room = new FolderRoom({
      name,
      root: this.root,
      maxBytes,
      minFreeBytes,
      partMs: tuning.partMs,
      clock,
      locks: this.locks,
    });
  }

  /** False: it can't be used now, which was said by a fault. */
  async isUsable(): Promise<boolean> {
    if (this.options.clock.monotonic() - this.failedAt < this.tuning.retryMs) return false;
    this.preparing ??= this.prepare();
    try {
      await this.preparing;
      return true;
    } catch (error) {
      this.failed(error);
      this.leaveAlone();
      return false;
    }
  }

  /** Something in it could not be done: it is left alone for a while, and prepared anew, unless it is merely full. */
  failed(cause: unknown): void {
    const { clock, name, directory } = this.options;
    const now = clock.monotonic();
    if (now - this.saidAt >= this.tuning.retryMs) {
      this.saidAt = now;
      const message = `${directory} can't be used, so files are handed through from the object store. Look at its owner, its mode and its disk.`;
      reportFault({ source: name, kind: 'degraded', message, cause });
    }
    const code = fileErrorCode(cause);
    // What lies on a full disk can be read.
    if (code !== 'ENOSPC' && code !== 'EDQUOT') this.leaveAlone();
  }

  async close(): Promise<void> {
    await this.preparing?.catch(() => undefined);
    await this.locks.close();
  }

  private leaveAlone(): void {
    this.preparing = undefined;
    this.failedAt = this.options.clock.monotonic();
  }

  private async prepare(): Promise<void> {
    await makeFolders(this.options.directory);
    await assertSafeDirectory(this.options.directory);
    await makePrivateFolder(this.root);
    await this.locks.open();
    await this.room.recount();
  }
}
