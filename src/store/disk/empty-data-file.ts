import { open, stat } from 'node:fs/promises';
import { constants } from 'node:fs';

export const pageBytes = 4_096;

/**
 * What LMDB writes into a data file that is not there, before anything else: its two meta pages (format 2, little-endian, 64 bit) of no transaction, a
 * free list and a tree of items without a root.
 */
export function emptyDataFile(): Buffer {
  return Buffer.concat([metaPage(0), metaPage(1)]);
}

function metaPage(number: number): Buffer {
  const page = Buffer.alloc(pageBytes);
  page.writeBigUInt64LE(BigInt(number), 0);
  page.writeUInt16LE(0x08, 18); // a meta page
  page.writeUInt32LE(0xbeefc0de, 24);
  page.writeUInt32LE(2, 28); // the format
  page.writeBigUInt64LE(2n ** 32n, 40); // the size of the map
  page.writeUInt32LE(pageBytes, 48);
  page.writeUInt32LE(0x08, 52); // integer keys in the free list
  page.writeBigUInt64LE(noPage, 88);
  page.writeBigUInt64LE(noPage, 136);
  page.writeBigUInt64LE(1n, 144); // the last page that is in use
  return page;
}

const noPage = 2n ** 64n - 1n;
/** Of the first transactions: the block of revisions, and the session. They take three. */
const firstPages = 6;

/**
 * Where there is no data file yet, makes an empty one. LMDB would make it itself, but an opening that fails, on a full disk for one, ends the
 * process (SIGSEGV in lmdb 3.5), and so does a first transaction that fails (SIGABRT, in a third of the tries): so their pages are taken before it is asked.
 *
 * @throws what the file system says (ENOSPC), and leaves no half of a file.
 */
export async function reserveDataFile(path: string): Promise<void> {
  const present = await stat(path).catch(() => undefined);
  if (present && present.size > 0) return;
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600);
  try {
    await file.writeFile(Buffer.concat([emptyDataFile(), Buffer.alloc(firstPages * pageBytes)]));
  } catch (error) {
    await file.truncate(0).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}
