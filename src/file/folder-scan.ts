import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../object/folder-object-file.js';
import { bytesAt } from './file-bytes.js';
import { decodeHeader, fileBytes, headerBytes } from './file-header.js';
import type { FileHeader } from './file-header.js';
import { kindOfName } from './file-place.js';

/** Something in the folder. */
export interface FoundEntry {
  readonly kind: 'file' | 'part' | 'lock' | 'stranger';
  readonly path: string;
  /** What it takes; of an unfinished file what it will take. */
  readonly bytes: number;
  /** Milliseconds since 1970: the last use of a file, the last byte of an unfinished one. */
  readonly usedAt: number;
  /** Of unfinished files. */
  readonly header?: FileHeader | undefined;
}

/** All that lies in the folders of files. What goes away meanwhile is left out. */
export async function* entriesOf(root: string): AsyncGenerator<FoundEntry, void, undefined> {
  for (const folder of await readdir(root, { withFileTypes: true }).catch(() => [])) {
    if (!folder.isDirectory() || !/^[0-9a-f]{2}$/.test(folder.name)) continue;
    for (const name of await namesIn(join(root, folder.name))) {
      const found = await look(join(root, folder.name, name), kindOfName(name) ?? 'stranger').catch(() => undefined);
      if (found) yield found;
    }
  }
}

async function look(path: string, kind: FoundEntry['kind']): Promise<FoundEntry> {
  const { size, mtimeMs } = await lstat(path);
  if (kind !== 'part') return { kind, path, bytes: kind === 'file' ? size : 0, usedAt: mtimeMs };
  const header = size >= headerBytes ? await headerOf(path) : undefined;
  return { kind, path, bytes: header ? fileBytes(header.size) : size, usedAt: mtimeMs, header };
}

/** `undefined`: it has none that can be read. */
export async function headerOf(path: string): Promise<FileHeader | undefined> {
  const file = await open(path, 'r');
  try {
    const block = await bytesAt(file, 0, headerBytes);
    return block && decodeHeader(block);
  } finally {
    await file.close();
  }
}
