import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Without this, a new name in the folder may be gone after a power cut, and a removed one may be back. @throws what the file system says. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Windows and some file systems of networks have no such thing, and a folder may be writable and not readable.
    if (!['EISDIR', 'EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(code)) throw error;
  } finally {
    await folder?.close();
  }
}
