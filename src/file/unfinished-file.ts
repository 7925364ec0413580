import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { fileErrorCode } from '../object/folder-object-file.js';
import { bytesAt, writeAt } from './file-bytes.js';
import { decodeHeader, decodeState, headerBytes, statePosition } from './file-header.js';
import type { FileHeader, FillState } from './file-header.js';

export interface UnfinishedFile {
  readonly part: string;
  readonly handle: FileHandle;
  readonly inode: number;
  /** `undefined`: it has none yet, or a damaged one. */
  readonly header: FileHeader | undefined;
  readonly state: FillState;
  /** Bytes of the body that are there. */
  readonly available: number;
}

/** `undefined`: it has gone. Opened to write as well, for whoever has to go on with it. */
export async function openUnfinished(part: string): Promise<UnfinishedFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(part, 'r+');
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size, ino: inode } = await handle.stat();
    const block = size < headerBytes ? undefined : await bytesAt(handle, 0, headerBytes);
    const header = block && decodeHeader(block);
    const available = header ? Math.min(header.size, size - headerBytes) : 0;
    return { part, handle, inode, header, state: decodeState(block?.[statePosition] ?? 0), available };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** From here on the file says what it will take. False: it was purged meanwhile, and takes nothing. @throws what the file system says. */
export async function claimBytes(handle: FileHandle, header: Buffer): Promise<boolean> {
  if ((await handle.stat()).nlink === 0) return false;
  await writeAt(handle, header, 0);
  return true;
}
