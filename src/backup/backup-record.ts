import { DamagedBackupError } from './backup-errors.js';

/**
 * One chunk of a backup: `uint32 BE key length · key · uint32 BE dump length · dump`, the dump as Redis's DUMP gives it. A backup is any number of them,
 * and nothing else.
 */
export interface BackupRecord {
  readonly key: Buffer;
  readonly dump: Buffer;
  /** The byte of the file at which it begins. */
  readonly at: number;
}

/**
 * The bytes of these records, in one piece; those of a single one in two, so that a large dump is not copied.
 * @param into where they go, if it has room for them. Default: a Buffer of their own.
 */
export function chunksOf(
  records: readonly Pick<BackupRecord, 'key' | 'dump'>[],
  into: Buffer = Buffer.alloc(0),
): readonly Buffer[] {
  const [first] = records;
  if (first && records.length === 1) {
    const head = Buffer.allocUnsafe(8 + first.key.length);
    writeHead(head, 0, first.key, first.dump);
    return [head, first.dump];
  }
  let length = 0;
  for (const { key, dump } of records) length += 8 + key.length + dump.length;
  const bytes = length > into.length ? Buffer.allocUnsafe(length) : into.subarray(0, length);
  let at = 0;
  for (const { key, dump } of records) {
    at = writeHead(bytes, at, key, dump);
    at += dump.copy(bytes, at);
  }
  return [bytes];
}

function writeHead(bytes: Buffer, from: number, key: Buffer, dump: Buffer): number {
  let at = bytes.writeUInt32BE(key.length, from);
  at += key.copy(bytes, at);
  return bytes.writeUInt32BE(dump.length, at);
}

/** The version of a dump's format: it stands before the CRC at its end. */
export function formatVersionOf(dump: Buffer): number {
  return dump.length < 10 ? -1 : dump.readUInt16LE(dump.length - 10);
}

/** Keys and values of Redis are at most this long; a longer one is damage, not something to wait for. */
const longestBytes = 512 * 2 ** 20 + 1_024;

/**
 * Takes a backup apart, holding no more than one chunk and one piece of the source: what each piece ends is yielded together.
 * @throws DamagedBackupError for a length that can't be, and where the last chunk is not whole.
 */
export async function* readRecords(source: AsyncIterable<Uint8Array>): AsyncGenerator<readonly BackupRecord[]> {
  let pieces: Buffer[] = [];
  let held = 0;
  let needed = 4;
  let at = 0;
  for await (const piece of source) {
    const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    pieces.push(bytes);
    held += bytes.length;
    if (held < needed) continue;
    let whole = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, held);
    const records: BackupRecord[] = [];
    for (;;) {
      const end = chunkEnd(whole, at);
      needed = end;
      if (whole.length < end) break;
      const keyLength = whole.readUInt32BE(0);
      if (end < 8 + keyLength) break;
      records.push({ key: whole.subarray(4, 4 + keyLength), dump: whole.subarray(8 + keyLength, end), at });
      at += end;
      whole = whole.subarray(end);
    }
    if (records.length > 0) yield records;
    pieces = whole.length > 0 ? [whole] : [];
    held = whole.length;
  }
  if (held > 0) throw new DamagedBackupError(`the last chunk has ${held} bytes and is not whole`, at);
}

/** The keys of bytes that `chunksOf` gave, as `packedNames` gives them, and where the chunk of each ends. */
export function keysIn(chunks: Buffer): { readonly names: Buffer; readonly ends: readonly number[] } {
  const ends: number[] = [];
  let nameBytes = 0;
  for (let at = 0; at < chunks.length;) {
    const dumpAt = at + 4 + chunks.readUInt32BE(at);
    nameBytes += dumpAt - at;
    at = dumpAt + 4 + chunks.readUInt32BE(dumpAt);
    ends.push(at);
  }
  const names = Buffer.allocUnsafe(nameBytes);
  let [from, to] = [0, 0];
  for (const end of ends) {
    // A chunk begins with its key as names are packed.
    to += chunks.copy(names, to, from, from + 4 + chunks.readUInt32BE(from));
    from = end;
  }
  return { names, ends };
}

/** How many bytes are needed to know more: those of the whole chunk, once its lengths are there. */
function chunkEnd(bytes: Buffer, at: number): number {
  if (bytes.length < 4) return 4;
  const keyLength = bytes.readUInt32BE(0);
  if (keyLength > longestBytes) throw new DamagedBackupError(`a key of ${keyLength} bytes`, at);
  if (bytes.length < 8 + keyLength) return 8 + keyLength;
  const dumpLength = bytes.readUInt32BE(4 + keyLength);
  if (dumpLength > longestBytes) throw new DamagedBackupError(`a dump of ${dumpLength} bytes`, at + 4 + keyLength);
  // A chunk that ends where its lengths end would have no dump.
  if (dumpLength < 10) throw new DamagedBackupError('a dump that is too short', at + 4 + keyLength);
  return 8 + keyLength + dumpLength;
}
