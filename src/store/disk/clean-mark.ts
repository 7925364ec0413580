import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../value/sync-folder.js';
import { inspectDataFile } from './data-file.js';
import type { DataFile } from './data-file.js';
import { writeFlags } from './private-folder.js';

/** What is known of a database that its last user closed in order. */
type CleanMark = Pick<DataFile, 'bytes' | 'modifiedAtMs' | 'inode' | 'lastTransaction'>;

const markFile = (folder: string): string => join(folder, 'clean');

/** After the last user closed the database: brings all of it to the disk, and says so. */
export async function markClean(folder: string): Promise<void> {
  const dataFile = join(folder, 'data.mdb');
  const handle = await open(dataFile, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  const file = await inspectDataFile(dataFile);
  if (!file) return;
  const { bytes, modifiedAtMs, inode, lastTransaction } = file;
  const mark: CleanMark = { bytes, modifiedAtMs, inode, lastTransaction };
  // Durable before it counts: a mark that a power cut tears is no mark.
  const temporary = `${markFile(folder)}.new`;
  const written = await open(temporary, writeFlags, 0o600);
  try {
    await written.writeFile(JSON.stringify(mark));
    await written.sync();
  } finally {
    await written.close();
  }
  await rename(temporary, markFile(folder));
}

/** The file is as its last user left it. */
export async function isClean(folder: string, file: DataFile): Promise<boolean> {
  try {
    const mark = JSON.parse(await readFile(markFile(folder), 'utf8')) as CleanMark;
    return (
      mark.bytes === file.bytes &&
      mark.modifiedAtMs === file.modifiedAtMs &&
      mark.inode === file.inode &&
      mark.lastTransaction === file.lastTransaction
    );
  } catch {
    return false;
  }
}

/** Before the database is used. A mark that came back with a power cut would vouch for a state in which deleted items are there. */
export async function removeCleanMark(folder: string): Promise<void> {
  try {
    await rm(markFile(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await syncFolder(folder);
}
