import { DamagedBackupError, DumpTooLargeError } from './backup-errors.js';
import { KeyNames } from './key-names.js';

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

/** A server takes no longer argument (`proto-max-bulk-len`). DUMP gives more of a large hash, list, set or stream, which RESTORE would refuse. */
const longestBytes = 512 * 2 ** 20;

/**
 * The bytes of some keys' records, in one piece; those of a single one in two, so that a large dump is not copied.
 * @param dumps of these names, from the first; those without one are left out.
 * @param into where they go, if it has room for them. Default: a Buffer of their own.
 * @throws DumpTooLargeError for a dump that could not be restored.
 */
export function chunksOf(
  names: KeyNames,
  dumps: readonly (Buffer | undefined)[],
  into: Buffer = Buffer.alloc(0),
): readonly Buffer[] {
  let [count, length] = [0, 0];
  for (let place = 0; place < dumps.length; place++) {
    const dump = dumps[place];
    if (!dump) continue;
    if (dump.length > longestBytes) throw new DumpTooLargeError(names.name(place), dump.length, longestBytes);
    count++;
    length += 8 + names.endOf(place) - names.startOf(place) + dump.length;
  }
  if (count === 1) {
    const place = dumps.findIndex((dump) => dump);
    const dump = dumps[place] as Buffer;
    const head = Buffer.allocUnsafe(length - dump.length);
    writeHead(head, 0, names, place, dump);
    return [head, dump];
  }
  const bytes = length > into.length ? Buffer.allocUnsafe(length) : into.subarray(0, length);
  let at = 0;
  for (let place = 0; place < dumps.length; place++) {
    const dump = dumps[place];
    if (!dump) continue;
    at = writeHead(bytes, at, names, place, dump);
    at += dump.copy(bytes, at);
  }
  return [bytes];
}

function writeHead(bytes: Buffer, from: number, names: KeyNames, place: number, dump: Buffer): number {
  const [start, end] = [names.startOf(place), names.endOf(place)];
  writeLength(bytes, from, end - start);
  const at = from + 4 + names.bytes.copy(bytes, from + 4, start, end);
  writeLength(bytes, at, dump.length);
  return at + 4;
}

/** As `writeUInt32BE`, which takes several times as long. */
function writeLength(bytes: Buffer, at: number, length: number): void {
  bytes[at] = length >>> 24;
  bytes[at + 1] = length >>> 16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
}

/** The version of a dump's format: it stands before the CRC at its end. */
export function formatVersionOf(dump: Buffer): number {
  return dump.length < 10 ? -1 : dump.readUInt16LE(dump.length - 10);
}

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

/** The keys of bytes that `chunksOf` gave, and where the chunk of each ends. */
export function keysIn(chunks: Buffer): { readonly names: KeyNames; readonly ends: readonly number[] } {
  const keys: Buffer[] = [];
  const ends: number[] = [];
  for (let at = 0; at < chunks.length;) {
    const dumpAt = at + 4 + readLength(chunks, at);
    keys.push(chunks.subarray(at + 4, dumpAt));
    at = dumpAt + 4 + readLength(chunks, dumpAt);
    ends.push(at);
  }
  return { names: KeyNames.of(keys), ends };
}

function readLength(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

/** How many bytes are needed to know more: those of the whole chunk, once its lengths are there. */
function chunkEnd(bytes: Buffer, at: number): number {
  if (bytes.length < 4) return 4;
  const keyLength = bytes.readUInt32BE(0);
  if (keyLength > longestBytes) throw new DamagedBackupError(`a key of ${tooMany(keyLength)}`, at);
  if (bytes.length < 8 + keyLength) return 8 + keyLength;
  const dumpLength = bytes.readUInt32BE(4 + keyLength);
  if (dumpLength > longestBytes) throw new DamagedBackupError(`a dump of ${tooMany(dumpLength)}`, at + 4 + keyLength);
  // A chunk that ends where its lengths end would have no dump.
  if (dumpLength < 10) throw new DamagedBackupError('a dump that is too short', at + 4 + keyLength);
  return 8 + keyLength + dumpLength;
}

const tooMany = (bytes: number): string => `${bytes} bytes, where a server takes ${longestBytes} at most`;
