/**
 * What lies under a key in the database. LMDB puts the state's number (its *version*, a double) in front of it.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 8 | expiresAt, epoch milliseconds, IEEE 754 double little-endian; Infinity: until removed |
 * | 8 | 8 | writtenAt, likewise: what eviction goes by |
 * | 16 | 8 | revision, likewise: the state's number when it was written, which `touch` keeps |
 * | 24 | 1 | kind: 0 an item, 1 a counter |
 * | 25 | … | the item's bytes, to the end |
 *
 * Doubles, because they are read in place without an allocation. There is no check over the bytes here: the envelope above
 * carries one, and it covers the key.
 */
export const recordHeadBytes = 25;

export type RecordKind = 0 | 1;
export const itemKind = 0;
export const counterKind = 1;

export interface RecordHead {
  readonly expiresAt: number;
  readonly writtenAt: number;
  readonly revision: number;
  readonly kind: RecordKind;
}

export interface DiskRecord extends RecordHead {
  readonly bytes: Uint8Array;
}

export function sealRecord({ expiresAt, writtenAt, revision, kind, bytes }: DiskRecord): Buffer {
  const record = Buffer.allocUnsafe(recordHeadBytes + bytes.length);
  record.writeDoubleLE(expiresAt, 0);
  record.writeDoubleLE(writtenAt, 8);
  record.writeDoubleLE(revision, 16);
  record[24] = kind;
  record.set(bytes, recordHeadBytes);
  return record;
}

/** Not before its time is over. A damaged instant (NaN) is over. */
export function isLive(record: Buffer, nowMs: number): boolean {
  return nowMs < record.readDoubleLE(0);
}

export function readHead(record: Buffer): RecordHead {
  return {
    expiresAt: record.readDoubleLE(0),
    writtenAt: record.readDoubleLE(8),
    revision: readRevision(record),
    kind: record[24] === counterKind ? counterKind : itemKind,
  };
}

export function readRevision(record: Buffer): number {
  return record.readDoubleLE(16);
}

/**
 * The item's bytes, copied out: lmdb reads every record of the process into one reused buffer, so a view would be overwritten by
 * the next read.
 *
 * @param size of the whole record: the reused buffer is longer.
 * @param into where they are copied to, if they fit in. Default: memory of their own.
 */
export function copyItemBytes(record: Buffer, size: number, into?: Buffer): Buffer {
  const length = size - recordHeadBytes;
  const bytes = into && length <= into.length ? into.subarray(0, length) : Buffer.allocUnsafe(length);
  bytes.set(new Uint8Array(record.buffer, record.byteOffset + recordHeadBytes, length));
  return bytes;
}
