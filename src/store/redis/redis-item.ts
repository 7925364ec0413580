import { randomFillSync } from 'node:crypto';

/**
 * An item on the wire: `01 · 8-byte revision · 4-byte check of the key · payload`, or `02` and, before the payload, 6 bytes that say when it was written:
 * ms since 1970 by the server's clock. Counters are bare decimal digits, which the server can add to; no digit is 01 or 02.
 */
export const itemHeadBytes = 13;
const stampBytes = 6;
const marks = { plain: 0x01, dated: 0x02 };

/** An item as it was read. */
export interface RedisItem {
  readonly revision: bigint;
  /** A view of the reply. */
  readonly payload: Buffer;
  /** Epoch ms by the server's clock. Absent: whoever wrote it did not know. */
  readonly writtenAt?: number;
}

const pool = { bytes: Buffer.alloc(8_192), at: 8_192 };

/** A revision that no other write of the fleet has: 64 random bits. */
export function newRevision(): bigint {
  if (pool.at === pool.bytes.length) {
    randomFillSync(pool.bytes);
    pool.at = 0;
  }
  const revision = pool.bytes.readBigUInt64BE(pool.at);
  pool.at += 8;
  return revision;
}

/** The bytes to store for this payload. An empty payload is a stub. @param writtenAt epoch ms by the server's clock, if it is known. */
export function sealItem(storeKey: string, revision: bigint, payload: Uint8Array, writtenAt?: number): Buffer {
  const headBytes = itemHeadBytes + (writtenAt === undefined ? 0 : stampBytes);
  const bytes = Buffer.allocUnsafe(headBytes + payload.length);
  bytes[0] = writtenAt === undefined ? marks.plain : marks.dated;
  bytes.writeBigUInt64BE(revision, 1);
  bytes.writeUInt32BE(keyCheck(storeKey), 9);
  if (writtenAt !== undefined) bytes.writeUIntBE(Math.max(0, Math.floor(writtenAt)), itemHeadBytes, stampBytes);
  bytes.set(payload, headBytes);
  return bytes;
}

/**
 * Takes a reply apart. `'digits'`: a counter. `'foreign'`: nothing that was written for this key. Either somebody else has written it, or the reply belongs
 * to another command, which only another question can tell.
 */
export function openItem(storeKey: string, bytes: Buffer): RedisItem | 'digits' | 'foreign' {
  const start = payloadStart(storeKey, bytes);
  if (typeof start === 'string') return start;
  const item = { revision: revisionIn(bytes), payload: bytes.subarray(start) };
  const writtenAt = writtenAtIn(bytes, start);
  return writtenAt === undefined ? item : { ...item, writtenAt };
}

/** As `openItem`, of an item that lies in these bytes from `begin` to `end`, and without an object: where its payload begins. */
export function payloadStart(
  storeKey: string,
  bytes: Buffer,
  begin = 0,
  end = bytes.length,
): number | 'digits' | 'foreign' {
  const mark = begin < end ? bytes[begin] : undefined;
  if (mark !== marks.dated && mark !== marks.plain) return isDigits(bytes, begin, end) ? 'digits' : 'foreign';
  const start = begin + (mark === marks.dated ? itemHeadBytes + stampBytes : itemHeadBytes);
  return end < start || bytes.readUInt32BE(begin + 9) !== keyCheck(storeKey) ? 'foreign' : start;
}

/** Whether these bytes may be the item of some other key. */
export function mayBeOfAnotherKey(bytes: Buffer): boolean {
  return bytes.length >= itemHeadBytes && (bytes[0] === marks.plain || bytes[0] === marks.dated);
}

/** Of an item that `payloadStart` has found sound. */
export const revisionIn = (bytes: Buffer, begin = 0): bigint => bytes.readBigUInt64BE(begin + 1);

/** Epoch ms by the server's clock, if whoever wrote it knew. @param start what `payloadStart` said. */
export const writtenAtIn = (bytes: Buffer, start: number, begin = 0): number | undefined =>
  start === begin + itemHeadBytes ? undefined : bytes.readUIntBE(begin + itemHeadBytes, stampBytes);

/** The first nine bytes of an item of this revision, which scripts compare; they take 02 for 01. */
export function revisionHead(revision: bigint): Buffer {
  const head = Buffer.allocUnsafe(9);
  head[0] = marks.plain;
  head.writeBigUInt64BE(revision, 1);
  return head;
}

/** FNV-1a of the key's characters, which are ASCII. */
function keyCheck(storeKey: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < storeKey.length; index++) {
    hash = Math.imul(hash ^ storeKey.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** As the server writes a counter: no sign, and no zero before other digits, so that a number stands for one text alone. */
function isDigits(bytes: Buffer, begin: number, end: number): boolean {
  const length = end - begin;
  if (length === 0 || length > 20 || (bytes[begin] === 0x30 && length > 1)) return false;
  for (let at = begin; at < end; at++) if ((bytes[at] as number) < 0x30 || (bytes[at] as number) > 0x39) return false;
  return true;
}
