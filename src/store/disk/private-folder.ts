import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The folder, or something in it, could be somebody else's: nothing was read from it or written to it. */
export class ForeignFolderError extends Error {}

const stickyBit = 0o1000;

/** Opens a file to write, never through a link that somebody has put in its place. Windows has no such flag. */
export const writeFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NOFOLLOW ?? 0);

/**
 * Makes the folders of a path that are missing, one after the other. `mkdir` of Node with `recursive` tries for ever where the system
 * says "no such folder" of a folder whose parent is there (`/proc/nope`).
 *
 * @throws what the file system says.
 */
export async function makeFolders(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const code = await mkdir(at, { mode: missing.length === 0 ? 0o700 : 0o755 }).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    if (code === undefined || code.code === 'EEXIST') break;
    if (code.code !== 'ENOENT' || dirname(at) === at) throw code;
    missing.push(at);
  }
  for (const at of missing.reverse()) await mkdir(at, { mode: at === path ? 0o700 : 0o755 }).catch(unlessItExists);
}

/** Writes a file that only this user may read. */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, writeFlags, 0o600);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}

/**
 * The folder that a user named may be root's (a volume) or this user's. One of this user that everybody may write to is refused: others could exchange what is
 * in it. Root's is taken as it is, as is any of root's own processes: the volumes of containers are root's and open (Kubernetes' emptyDir has mode 0777), and
 * only root can change that. docs/security.md says what neighbours can do there.
 *
 * @throws ForeignFolderError
 */
export async function assertSafeDirectory(path: string): Promise<void> {
  const user = process.geteuid?.();
  if (user === undefined) return;
  const stats = await lstat(path);
  if (!stats.isDirectory()) throw new ForeignFolderError(`${path} is no folder. Name another one.`);
  if (stats.uid !== user && stats.uid !== 0) {
    throw new ForeignFolderError(
      `${path} belongs to user ${stats.uid}, and this process runs as user ${user}. Give the folder to this user (chown), or name another one.`,
    );
  }
  const othersMayWrite = (stats.mode & 0o002) !== 0 && (stats.mode & stickyBit) === 0;
  if (othersMayWrite && stats.uid === user && user !== 0) {
    throw new ForeignFolderError(`Everybody may write to ${path}. Forbid it (chmod o-w), or name another folder.`);
  }
}

/**
 * Makes the database's own folder if it is missing, and looks at what lies in it: all of it must be this user's, without links in or out. What others
 * may merely read is closed to them.
 *
 * @throws ForeignFolderError, or what the file system says.
 */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(unlessItExists);
  const user = process.geteuid?.();
  if (user === undefined) return;
  const folder = await lstat(path);
  if (!folder.isDirectory()) throw notOurs(path, folder.isSymbolicLink() ? 'is a link' : 'is no folder');
  assertOwner(path, folder, user);
  if ((folder.mode & 0o077) !== 0) await chmod(path, 0o700);
  for (const name of await readdir(path)) {
    const entry = join(path, name);
    const stats = await lstat(entry).catch(() => undefined);
    if (!stats) continue;
    assertOwner(entry, stats, user);
    if (stats.isSymbolicLink()) {
      // The mark of an opener is a link that points nowhere, and is never followed.
      if (name !== 'opening') throw notOurs(entry, 'is a link');
    } else if (stats.isFile()) {
      if (stats.nlink > 1) throw notOurs(entry, 'has a second name elsewhere');
      if ((stats.mode & 0o077) !== 0) await chmod(entry, 0o600);
    }
  }
}

function assertOwner(path: string, { uid }: Stats, user: number): void {
  if (uid !== user) throw notOurs(path, `belongs to user ${uid}, and this process runs as user ${user}`);
}

function notOurs(path: string, problem: string): ForeignFolderError {
  return new ForeignFolderError(`${path} ${problem}. Look at who made it, then remove it or name another folder.`);
}

function unlessItExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
