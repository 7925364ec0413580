import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { fileErrorCode } from '../object/folder-object-file.js';
import { fileBytes, headerIn } from './file-header.js';

/** Files that this process takes away. Their names go at once, and their bytes leave the folder's count when that is free. */
export class FolderRemoval {
  private readonly handles: FileHandle[] = [];

  /** @param giveBack is called once, with what has to be asked under the room's lock: the bytes that these files were counted with. */
  constructor(private readonly giveBack: (countedBytes: () => Promise<number>) => Promise<void>) {}

  /** False: another one was faster, or there was none. @throws what the file system says. */
  async unlink(path: string): Promise<boolean> {
    // One that can't be opened goes all the same, and is counted until the folder is looked at.
    const handle = await open(path, 'r').catch(() => undefined);
    const isUnlinked = await unlinked(path).catch(async (error: unknown) => {
      await handle?.close();
      throw error;
    });
    if (isUnlinked && handle) this.handles.push(handle);
    else await handle?.close();
    return isUnlinked;
  }

  /** To be called at last, whether all went well or not. Never rejects: what can't be given back is counted until the folder is looked at. */
  async settle(): Promise<void> {
    if (this.handles.length === 0) return;
    await this.giveBack(() => this.countedBytes()).catch(() => undefined);
    await Promise.all(this.handles.map((handle) => handle.close().catch(() => undefined)));
  }

  private async countedBytes(): Promise<number> {
    let bytes = 0;
    for (const handle of this.handles) bytes += await countedBytesOf(handle).catch(() => 0);
    return bytes;
  }
}

/** False: there was none. @throws what the file system says. */
export async function unlinked(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Nothing while it has no header: its bytes are reserved together with that. */
async function countedBytesOf(handle: FileHandle): Promise<number> {
  // The name led to a newer file when it was taken away.
  if ((await handle.stat()).nlink > 0) return 0;
  const header = await headerIn(handle);
  return header ? fileBytes(header.size) : 0;
}
