import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { fileErrorCode } from '../object/folder-object-file.js';
import { bootName } from '../store/disk/process-stamp.js';
import { bytesAt } from '../value/bytes-at.js';
import { writeAt } from './file-bytes.js';
import { decodeHeader, decodeState, headerBytes, isFillFor, statePosition } from './file-header.js';
import type { FileHeader, FillState } from './file-header.js';
import type { FileRequest } from './tiered-file.js';

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

/** Whether its download has merely stopped, is of what the row asks for, and began since the machine has started. */
export function canBeGoneOnWith({ state }: UnfinishedFile, header: FileHeader, request: FileRequest): boolean {
  const hasStopped = state === 'filling' || state === 'givenUp';
  return hasStopped && header.uid === request.uid && header.boot === bootName() && isFillFor(header, request);
}

/** From here on the file says what it will take. False: it was purged meanwhile, and takes nothing. @throws what the file system says. */
export async function claimBytes(handle: FileHandle, header: Buffer): Promise<boolean> {
  if ((await handle.stat()).nlink === 0) return false;
  await writeAt(handle, header, 0);
  return true;
}
