import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** What the first two pages of an LMDB data file (format 2, little-endian, 64 bit) say of it. */
export interface DataFile {
  readonly bytes: number;
  /** Up to where the newest state uses pages. The file may be shorter: pages taken and freed in one transaction are never written. */
  readonly usedBytes: number;
  readonly lastTransaction: number;
  readonly modifiedAtMs: number;
  readonly inode: number;
}

/** The pages can't be what LMDB wrote: it must not be mapped. */
export class DamagedFileError extends Error {}

const magic = 0xbeefc0de;
const dataFormat = 2;
const metaFlag = 0x08;
const metaBytes = 168;
const empty = 0xffff_ffff_ffff_ffffn;

/**
 * Reads, without mapping it, the two meta pages of a data file.
 *
 * A page header is 24 bytes (flags at 18); then magic (24), format (28), page size (48), root of the free list (88) and of the
 * items (136), last page (144), transaction (152). The older of the two is being overwritten while somebody commits.
 *
 * @returns undefined when there is no such file, or an empty one: LMDB starts it.
 * @throws DamagedFileError
 */
export async function inspectDataFile(path: string): Promise<DataFile | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const head = Buffer.alloc(metaBytes);
    const { bytesRead } = await file.read(head, 0, metaBytes, 0);
    if (bytesRead === 0) return undefined;
    const first = readMeta(head.subarray(0, bytesRead), 0);
    const { bytesRead: secondBytes } = await file.read(head, 0, metaBytes, first.pageBytes);
    const second = readMeta(head.subarray(0, secondBytes), 1);
    const newest = second.transaction > first.transaction ? second : first;
    // Asked last: the file only grows, and a page is written before a meta page names it.
    const { size, mtimeMs, ino } = await file.stat();
    return {
      bytes: size,
      usedBytes: (newest.lastPage + 1) * newest.pageBytes,
      lastTransaction: newest.transaction,
      modifiedAtMs: mtimeMs,
      inode: ino,
    };
  } finally {
    await file.close();
  }
}

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
}

function readMeta(page: Buffer, number: 0 | 1): Meta {
  const refuse = (what: string): never => {
    throw new DamagedFileError(`its ${number === 0 ? 'first' : 'second'} page ${what}`);
  };
  if (page.length < metaBytes) refuse('is cut off');
  if ((page.readUInt16LE(18) & metaFlag) === 0 || page.readUInt32LE(24) !== magic) refuse('is not a head');
  if ((page.readUInt32LE(28) & 0xffff) !== dataFormat) refuse('is of another format');
  if (page.readBigUInt64LE(0) !== BigInt(number)) refuse('bears another number');
  const pageBytes = page.readUInt32LE(48);
  const lastPage = Number(page.readBigUInt64LE(144));
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) refuse('has no page size');
  if (lastPage < 1 || lastPage > 2 ** 40) refuse('has no last page');
  for (const at of [88, 136]) {
    const root = page.readBigUInt64LE(at);
    if (root !== empty && (root < 2n || root > BigInt(lastPage))) refuse('points outside of the file');
  }
  return { pageBytes, lastPage, transaction: Number(page.readBigUInt64LE(152)) };
}
