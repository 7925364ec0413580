import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../object/folder-object-file.js';
import { fileBytes, headerIn } from './file-header.js';
import type { FileHeader } from './file-header.js';
import { kindOfName, pathOfPart } from './file-place.js';

/** Something in the folder. */
export interface FoundEntry {
  readonly kind: 'file' | 'part' | 'lock' | 'stranger';
  readonly path: string;
  readonly inode: number;
  /** What it takes; of an unfinished file what it will take. */
  readonly bytes: number;
  /** Milliseconds since 1970: the last use of a file, the last byte of an unfinished one. */
  readonly usedAt: number;
  /** Of unfinished files. */
  readonly header?: FileHeader | undefined;
}

/**
 * All that lies in the folders of files, each once. What goes away meanwhile is left out; what gets its final name meanwhile is not.
 *
 * A list of names is not of one moment: a file that is renamed while it is made may be missing under both names. So there are two lists, the
 * unfinished files' first. 1. A rename before the second list: the final name is in it. 2. A rename after it: the unfinished name is in the first,
 * and whoever finds nothing under it any more looks under the final one.
 */
export async function* entriesOf(root: string): AsyncGenerator<FoundEntry, void, undefined> {
  for (const folder of await readdir(root, { withFileTypes: true }).catch(() => [])) {
    if (!folder.isDirectory() || !/^[0-9a-f]{2}$/.test(folder.name)) continue;
    const path = join(root, folder.name);
    const parts = (await namesIn(path)).filter((name) => kindOfName(name) === 'part');
    const others = (await namesIn(path)).filter((name) => kindOfName(name) !== 'part');
    const seen = new Set<number>();
    for (const name of [...parts, ...others]) {
      const found = await entryAt(join(path, name), kindOfName(name) ?? 'stranger');
      if (!found || seen.has(found.inode)) continue;
      seen.add(found.inode);
      yield found;
    }
  }
}

/** `undefined`: it is gone. An unfinished file is looked for under its final name as well. */
async function entryAt(path: string, kind: FoundEntry['kind']): Promise<FoundEntry | undefined> {
  const found = await look(path, kind).catch(() => undefined);
  return found ?? (kind === 'part' ? finishedEntryOf(path) : undefined);
}

/** What an unfinished file has become; `undefined`: nothing. */
export function finishedEntryOf(part: string): Promise<FoundEntry | undefined> {
  return look(pathOfPart(part), 'file').catch(() => undefined);
}

async function look(path: string, kind: FoundEntry['kind']): Promise<FoundEntry> {
  if (kind === 'part') return lookInto(path);
  const { size: bytes, mtimeMs: usedAt, ino: inode } = await lstat(path);
  return { kind, path, inode, bytes, usedAt };
}

async function lookInto(part: string): Promise<FoundEntry> {
  const file = await open(part, 'r');
  try {
    const { size, mtimeMs: usedAt, ino: inode } = await file.stat();
    const header = await headerIn(file);
    return { kind: 'part', path: part, inode, bytes: header ? fileBytes(header.size) : size, usedAt, header };
  } finally {
    await file.close();
  }
}

/** `undefined`: it has none that can be read. */
export async function headerOf(path: string): Promise<FileHeader | undefined> {
  const file = await open(path, 'r');
  try {
    return await headerIn(file);
  } finally {
    await file.close();
  }
}
