/** A text in a dump, and where what follows it begins. */
export interface DumpedText {
  /** Its first bytes. */
  readonly head: Buffer;
  readonly end: number;
}

/** Reads a text as Redis writes it into dumps. @param most bytes of it that are given back. @returns undefined: none stands there. */
export function readDumpedText(dump: Buffer, at: number, most: number): DumpedText | undefined {
  const byte = dump[at] ?? 0;
  if (byte >>> 6 < 3) {
    const read = readDumpedLength(dump, at);
    return (
      read && { head: dump.subarray(read.end, read.end + Math.min(read.length, most)), end: read.end + read.length }
    );
  }
  // A number of 1, 2 or 4 bytes, or what LZF has made smaller.
  const encoding = byte & 63;
  if (encoding < 3) {
    const bytes = 1 << encoding;
    if (at + 1 + bytes > dump.length) return undefined;
    return { head: Buffer.from(String(dump.readIntLE(at + 1, bytes))), end: at + 1 + bytes };
  }
  if (encoding > 3) return undefined;
  const packed = readDumpedLength(dump, at + 1);
  const whole = packed && readDumpedLength(dump, packed.end);
  if (!whole) return undefined;
  const end = whole.end + packed.length;
  return { head: unpackedHead(dump.subarray(whole.end, end), most), end };
}

/** As Redis writes lengths: 6 bits, 14 bits, or 4 or 8 bytes. */
interface DumpedLength {
  readonly length: number;
  readonly end: number;
}

/** Reads a length. @returns undefined: the dump ends before its end. */
export function readDumpedLength(dump: Buffer, at: number): DumpedLength | undefined {
  const byte = dump[at] ?? 0;
  const end = at + (byte < 0x40 ? 1 : byte < 0x80 ? 2 : byte === 0x80 ? 5 : 9);
  if (end > dump.length) return undefined;
  if (byte < 0x40) return { length: byte, end };
  if (byte < 0x80) return { length: dump.readUInt16BE(at) & 0x3fff, end };
  return { length: byte === 0x80 ? dump.readUInt32BE(at + 1) : Number(dump.readBigUInt64BE(at + 1)), end };
}

/** LZF: `0-31`, and one more literal bytes follow; else a length (3 bits, or a byte more) and an offset (13 bits) of what is repeated. */
function unpackedHead(packed: Buffer, most: number): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < packed.length && bytes.length < most;) {
    const control = packed[at++] as number;
    if (control < 32) {
      bytes.push(...packed.subarray(at, at + control + 1));
      at += control + 1;
      continue;
    }
    let length = control >>> 5;
    if (length === 7) length += packed[at++] ?? 0;
    const from = bytes.length - (((control & 31) << 8) | (packed[at++] ?? 0)) - 1;
    for (let index = 0; index < length + 2; index++) bytes.push(bytes[from + index] ?? 0);
  }
  return Buffer.from(bytes.slice(0, most));
}
