/**
 * How the processes of two containers speak with each other over a socket in their folder: frames of plain data. A frame is
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | length of the text, uint32 big-endian |
 * | 4 | 4 | length of all blobs together, likewise |
 * | 8 | … | JSON; `{"~b": n}` stands for the next n bytes of the blobs, `{"~n": "Infinity"}` for a number that JSON lacks, null for undefined |
 * | … | … | the blobs, one after the other |
 */
const headBytes = 8;

export function frameOf(message: unknown): Buffer {
  const blobs: Uint8Array[] = [];
  const text = Buffer.from(JSON.stringify(packed(message, blobs)));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(text.length, 0);
  head.writeUInt32BE(
    blobs.reduce((sum, blob) => sum + blob.length, 0),
    4,
  );
  return Buffer.concat([head, text, ...blobs]);
}

function packed(value: unknown, blobs: Uint8Array[]): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) {
    blobs.push(value);
    return { '~b': value.length };
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return { '~n': String(value) };
  if (Array.isArray(value)) return value.map((part) => packed(part, blobs));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, packed(part, blobs)]));
}

/** Puts frames together as bytes arrive. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private bytes = 0;
  private needed = headBytes;

  /** @param maxBytes of a frame. */
  constructor(
    private readonly maxBytes: number,
    private readonly onMessage: (message: unknown) => void,
  ) {}

  /** @throws RangeError, SyntaxError: the other side says nonsense, and nothing more can be read of it. */
  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    while (this.bytes >= this.needed) {
      const all = this.chunks.length === 1 ? (this.chunks[0] as Buffer) : Buffer.concat(this.chunks);
      const textBytes = all.readUInt32BE(0);
      const end = headBytes + textBytes + all.readUInt32BE(4);
      if (end > this.maxBytes) throw new RangeError(`a message of ${end} bytes`);
      this.needed = end;
      this.chunks = [all];
      if (all.length < end) return;
      const blobs = { bytes: all.subarray(headBytes + textBytes, end), at: 0 };
      const message = unpacked(JSON.parse(all.toString('utf8', headBytes, headBytes + textBytes)), blobs);
      this.chunks = all.length > end ? [all.subarray(end)] : [];
      this.bytes = all.length - end;
      this.needed = headBytes;
      this.onMessage(message);
    }
  }
}

interface Blobs {
  readonly bytes: Buffer;
  at: number;
}

function unpacked(value: unknown, blobs: Blobs): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map((part) => unpacked(part, blobs));
  if (typeof value !== 'object') return value;
  const special = value as { '~b'?: unknown; '~n'?: unknown };
  if (typeof special['~n'] === 'string') return Number(special['~n']);
  const length = special['~b'];
  if (length === undefined) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, unpacked(part, blobs)]));
  }
  if (typeof length !== 'number' || !(length >= 0) || blobs.at + length > blobs.bytes.length) {
    throw new RangeError('a blob that is not there');
  }
  blobs.at += length;
  // Memory of its own: the frame's may be much larger.
  return Buffer.from(blobs.bytes.subarray(blobs.at - length, blobs.at));
}
