import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesAt } from '../value/bytes-at.js';
import { syncFolder } from '../value/sync-folder.js';
import { readFooter } from './folder-object-footer.js';
import type { FoundObject } from './folder-object-footer.js';
import { ObjectDamagedError } from './object-errors.js';

export interface OpenedFile extends FoundObject {
  readonly file: FileHandle;
}

const pieceBytes = 64 * 2 ** 10;

/** `undefined`: there is no such file. @throws ObjectDamagedError for one that holds no object. */
export async function openObjectFile(path: string): Promise<OpenedFile | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const found = await readFooter(file);
    if (!found) throw new ObjectDamagedError(path, 'the file is not whole');
    return { ...found, file };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a range. With `expected` the last piece is held back until their SHA-256 is that. */
export async function* objectPieces(
  key: string,
  file: FileHandle,
  { start, end }: { readonly start: number; readonly end: number },
  expected: string | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = expected === undefined ? undefined : createHash('sha256');
  for (let at = start; at <= end;) {
    const piece = await bytesAt(file, at, Math.min(pieceBytes, end + 1 - at));
    if (!piece) throw new ObjectDamagedError(key, `its file ends at byte ${at}`);
    at += piece.length;
    hash?.update(piece);
    if (at > end && hash && hash.digest('hex') !== expected) throw new ObjectDamagedError(key, 'its checksum is wrong');
    yield piece;
  }
}

/** An absent folder is an empty one. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** `ENOSPC` and the like, of what the file system said; `undefined` for all other errors. */
export function fileErrorCode(error: unknown): string | undefined {
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === undefined ? undefined : code;
}

/** Of a folder that a name was removed from, or never was in: the folder may be absent. */
export async function syncRemoval(folder: string): Promise<void> {
  await syncFolder(folder).catch((error: unknown) => {
    if (fileErrorCode(error) !== 'ENOENT') throw error;
  });
}

/** Without this, a new name may be gone after a power cut, and a removed one may be back. Of a folder and those around it, up to one. */
export async function syncFolders(folder: string, upTo: string): Promise<void> {
  for (let path = folder; ; path = dirname(path)) {
    await syncFolder(path);
    if (path === upTo || path === dirname(path)) return;
  }
}
