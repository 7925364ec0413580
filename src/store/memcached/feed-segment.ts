/**
 * A segment of the feed: a head, and records that were appended to it.
 *
 * | bytes | field |
 * |---|---|
 * | … to the line feed | `tf1`, the segment's id, its predecessor's id or `-`, separated by spaces |
 * | then, per record: 2 | the record's length, big-endian |
 * | … | the record |
 */
export interface SegmentHead {
  readonly id: string;
  /** Of the segment that this one follows; `-` for the first of a lineage. */
  readonly predecessor: string;
}

export interface Segment extends SegmentHead {
  /** Where the first record begins. */
  readonly headBytes: number;
}

export const noPredecessor = '-';

const maxHeadBytes = 100;
const lineFeed = 0x0a;
const format = /^tf1 ([\w-]{1,40}) ([\w-]{1,40})$/;

export const encodeSegmentHead = ({ id, predecessor }: SegmentHead): Buffer =>
  Buffer.from(`tf1 ${id} ${predecessor}\n`, 'latin1');

/** Undefined: these bytes are no segment. */
export function decodeSegment(value: Buffer | undefined): Segment | undefined {
  const end = value?.subarray(0, maxHeadBytes).indexOf(lineFeed) ?? -1;
  const [, id, predecessor] = (value && format.exec(value.toString('latin1', 0, Math.max(0, end)))) ?? [];
  return id === undefined || predecessor === undefined ? undefined : { id, predecessor, headBytes: end + 1 };
}

/** Records as they are appended, all at once. */
export function frameRecords(records: readonly Uint8Array[]): Buffer {
  const frame = Buffer.allocUnsafe(records.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const record of records) {
    at = frame.writeUInt16BE(record.length, at);
    frame.set(record, at);
    at += record.length;
  }
  return frame;
}

/**
 * Frames of so many bytes at most, or of one record. A frame is one append, and stands or is missing as a whole: what is asked in one turn is told
 * in one trip, and no frame comes near the limit of an item.
 */
export function framesOf(records: readonly Uint8Array[], maxBytes: number): Buffer[] {
  const frames: Buffer[] = [];
  let frame: Uint8Array[] = [];
  let bytes = 0;
  for (const record of records) {
    if (frame.length > 0 && bytes + 2 + record.length > maxBytes) {
      frames.push(frameRecords(frame));
      frame = [];
      bytes = 0;
    }
    frame.push(record);
    bytes += 2 + record.length;
  }
  if (frame.length > 0) frames.push(frameRecords(frame));
  return frames;
}

/** The records from an offset on, as views. Undefined: what lies there can't be records. */
export function recordsFrom(value: Buffer, offset: number): Buffer[] | undefined {
  const records: Buffer[] = [];
  for (let at = offset; at < value.length;) {
    if (at + 2 > value.length) return undefined;
    const end = at + 2 + value.readUInt16BE(at);
    if (end > value.length) return undefined;
    records.push(value.subarray(at + 2, end));
    at = end;
  }
  return offset > value.length ? undefined : records;
}
