/**
 * What lies under a key in the database. LMDB puts the state's number (its *version*, a double) in front of it.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 8 | expiresAt, epoch milliseconds, IEEE 754 double little-endian; Infinity: until removed |
 * | 8 | 8 | writtenAt, likewise, or when it was touched: what eviction goes by |
 * | 16 | 8 | revision, likewise: the state's number when it was written, which `touch` keeps |
 * | 24 | 1 | kind: 0 an item, 1 what is irreplaceable: a counter, a lock; plus 2 if it was touched |
 * | 25 | 4 | boot: of the machine, unsigned little-endian; 0: unknown |
 * | 29 | 8 | writtenAt on the machine's monotonic clock, likewise a double |
 * | 37 | 8 | of what was touched: its age then, in milliseconds, likewise a double |
 * | 37, or 45 | … | the item's bytes, to the end |
 *
 * Doubles, because they are read in place without an allocation. There is no check over the bytes here: the envelope above
 * carries one, and it covers the key.
 */
export const recordHeadBytes = 37;
const touchedHeadBytes = 45;
const kindAt = 24;
const touchedBit = 2;

export type RecordKind = 0 | 1;
export const itemKind = 0;
export const irreplaceableKind = 1;

/** A point in time by the clocks that a record's life is measured with. */
export interface DiskInstant {
  /** Epoch milliseconds. May be stepped. */
  readonly nowMs: number;
  /** On the machine's monotonic clock, which tells nothing of an earlier boot. */
  readonly hostMs: number;
  /** Of the machine; 0: unknown. */
  readonly boot: number;
}

export interface RecordHead {
  readonly expiresAt: number;
  readonly writtenAt: number;
  readonly revision: number;
  readonly kind: RecordKind;
}

export interface DiskRecord extends Omit<RecordHead, 'writtenAt'> {
  readonly bytes: Uint8Array;
  /** How old it is: it is touched. Absent: it is new. */
  readonly ageMs?: number;
}

export function sealRecord({ expiresAt, revision, kind, bytes, ageMs }: DiskRecord, written: DiskInstant): Buffer {
  const headBytes = ageMs === undefined ? recordHeadBytes : touchedHeadBytes;
  const record = Buffer.allocUnsafe(headBytes + bytes.length);
  record.writeDoubleLE(expiresAt, 0);
  record.writeDoubleLE(written.nowMs, 8);
  record.writeDoubleLE(revision, 16);
  record[kindAt] = ageMs === undefined ? kind : kind + touchedBit;
  record.writeUInt32LE(written.boot, 25);
  record.writeDoubleLE(written.hostMs, 29);
  if (ageMs !== undefined) record.writeDoubleLE(ageMs, recordHeadBytes);
  record.set(bytes, headBytes);
  return record;
}

/** For `isLive` and `ageOf`: a double is read from it in half the time that a Buffer takes. */
export function headView(record: Buffer): DataView {
  return new DataView(record.buffer, record.byteOffset, record.length);
}

/**
 * Not before its time is over by either clock: a wall clock that was set back lengthens no life, as long as the machine has not started anew. A damaged
 * instant (NaN) is over.
 */
export function isLive(record: DataView, now: DiskInstant): boolean {
  const expiresAt = record.getFloat64(0, true);
  if (!(now.nowMs < expiresAt)) return false;
  return expiresAt === Infinity || (sinceSealed(record, now) ?? 0) < expiresAt - record.getFloat64(8, true);
}

/** How long ago it was written at least, in milliseconds; undefined: before the machine started, or nobody knows. */
export function ageOf(record: DataView, now: DiskInstant): number | undefined {
  const since = sinceSealed(record, now);
  return since === undefined ? undefined : since + ageWhenSealed(record);
}

/** As `ageOf`, by the wall clock where nothing else is known. */
export function ageInTouch(record: DataView, now: DiskInstant): number {
  const since = sinceSealed(record, now) ?? Math.max(0, now.nowMs - record.getFloat64(8, true));
  return since + ageWhenSealed(record);
}

function sinceSealed(record: DataView, { boot, hostMs }: DiskInstant): number | undefined {
  if (boot === 0 || record.getUint32(25, true) !== boot) return undefined;
  return Math.max(0, hostMs - record.getFloat64(29, true));
}

const ageWhenSealed = (record: DataView): number =>
  (record.getUint8(kindAt) & touchedBit) === 0 ? 0 : record.getFloat64(recordHeadBytes, true);

/** Where the item's bytes begin. */
export const itemStart = (record: Uint8Array): number =>
  ((record[kindAt] as number) & touchedBit) === 0 ? recordHeadBytes : touchedHeadBytes;

export function readHead(record: Buffer): RecordHead {
  return {
    expiresAt: record.readDoubleLE(0),
    writtenAt: record.readDoubleLE(8),
    revision: readRevision(record),
    kind: ((record[kindAt] as number) & irreplaceableKind) === 0 ? itemKind : irreplaceableKind,
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
 */
export function copyItemBytes(record: Buffer, size: number): Buffer {
  const start = itemStart(record);
  const bytes = Buffer.allocUnsafe(size - start);
  bytes.set(new Uint8Array(record.buffer, record.byteOffset + start, size - start));
  return bytes;
}
