import { crc32 } from 'node:zlib';
import { InvalidOptionError, UndecodableError } from '../value/errors.js';
import type { Provenance, TagGeneration } from '../value/entry.js';
import type { Codec } from './codec.js';
import { keyChecksum } from './key-checksum.js';

/**
 * The bytes of a stored entry, format 2: what 0.1 wrote is of format 1, and neither reads the other's. All integers are big-endian.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | `NTC` and the format, 2 |
 * | 4 | 4 | CRC-32 of the store key and then of all bytes from offset 8 on |
 * | 8 | 1 | flags: 1 has an upstream version, 2 has tags, 4 stays in the store |
 * | 9 | 1 | length of the codec's name |
 * | 10 | 6 | createdAt, milliseconds since 1970 |
 * | 16 | 6 | freshUntil, all ones: no limit |
 * | 22 | 6 | staleUntil, all ones: no limit |
 * | 28 | 4 | cost of the load in milliseconds |
 * | 32 | 8 | clear generation of the namespace, IEEE 754 double |
 * | 40 | … | the codec's name in ASCII |
 * | | 2 + n | the version: length, UTF-8 (with flag 1) |
 * | | 1 + … | the tags: count, then length (2), UTF-8, generation (8, double) each (with flag 2) |
 * | | … | the payload, to the end |
 *
 * The key is part of the check, so that an answer to another key is never taken for this one's.
 */
export const envelopeFormat = 2;

const magic = 0x4e544300 | envelopeFormat;
/** The head without the codec's name: it has a checksum of all other bytes, and the instants. */
export const headBytes = 40;
const endless = 0xffff_ffff_ffff;
const hasVersion = 1;
const hasTags = 2;
const staysInStore = 4;

/** Everything in an envelope but the payload. */
export interface EnvelopeHead extends Provenance {
  readonly codec: string;
  readonly generation: number;
  /** Its writer keeps it away from near tiers: whoever reads it keeps no copy beyond the request. */
  readonly storeOnly?: boolean | undefined;
}

/** The head of an entry that was opened where it lies, and where its payload lies. */
export class Envelope implements EnvelopeHead {
  constructor(
    readonly codec: string,
    readonly createdAt: number,
    readonly freshUntil: number,
    readonly staleUntil: number,
    readonly loadCostMs: number,
    readonly generation: number,
    readonly version: string | undefined,
    readonly tags: readonly TagGeneration[],
    private readonly bytes: Buffer,
    private readonly start: number,
    private readonly end: number,
    readonly storeOnly = false,
  ) {}

  /** A view of the bytes that were opened, not a copy. */
  get payload(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  /** What the codec makes of the payload, where it lies. @throws UndecodableError */
  decode<V>(codec: Codec<V>): V {
    if (codec.decodeChecked) return codec.decodeChecked(this.bytes, this.start, this.end);
    return codec.decode(this.payload);
  }

  get payloadBytes(): number {
    return this.end - this.start;
  }

  /** The same entry with less left of its life. */
  endingAt(freshUntil: number, staleUntil: number): Envelope {
    const { codec, createdAt, loadCostMs, generation, version, tags, bytes, start, end, storeOnly } = this;
    return new Envelope(
      codec,
      createdAt,
      freshUntil,
      staleUntil,
      loadCostMs,
      generation,
      version,
      tags,
      bytes,
      start,
      end,
      storeOnly,
    );
  }
}

/**
 * The entry's bytes, to be stored under `storeKey` and nowhere else.
 * @throws InvalidOptionError for a version or tag over 65,535 bytes, more than 255 tags, a codec's name over 100 characters.
 */
export function sealEnvelope(storeKey: string, head: EnvelopeHead, payload: Uint8Array): Buffer {
  if (head.codec.length > 100) throw tooLong('codec', "the codec's name has more than 100 characters");
  if (head.tags.length > 255) throw tooLong('tags', `${head.tags.length} are more than an entry holds`);
  const version = head.version === undefined ? undefined : Buffer.from(head.version, 'utf8');
  const tags = head.tags.map(({ tag, generation }) => ({ tag: Buffer.from(tag, 'utf8'), generation }));
  const length =
    headBytes +
    head.codec.length +
    (version ? 2 + version.length : 0) +
    (tags.length > 0 ? tags.reduce((sum, { tag }) => sum + 10 + tag.length, 1) : 0) +
    payload.length;
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUInt32BE(magic, 0);
  bytes[8] =
    (version ? hasVersion : 0) | (tags.length > 0 ? hasTags : 0) | (head.storeOnly === true ? staysInStore : 0);
  bytes[9] = head.codec.length;
  writeInstant(bytes, head.createdAt, 10);
  writeInstant(bytes, head.freshUntil, 16);
  writeInstant(bytes, head.staleUntil, 22);
  bytes.writeUInt32BE(Math.min(Math.round(head.loadCostMs), 0xffff_ffff), 28);
  bytes.writeDoubleBE(head.generation, 32);
  let at = headBytes + bytes.write(head.codec, headBytes, 'latin1');
  if (version) at = writeText(bytes, version, at);
  if (tags.length > 0) {
    at = bytes.writeUInt8(tags.length, at);
    for (const { tag, generation } of tags) at = bytes.writeDoubleBE(generation, writeText(bytes, tag, at));
  }
  bytes.set(payload, at);
  bytes.writeUInt32BE(checksum(storeKey, bytes), 4);
  return bytes;
}

/**
 * Opens the entry that lies in these bytes, from `start` to `end`, where it lies: nothing is copied.
 * @throws UndecodableError unless these are the whole bytes of an entry of this key, in this format.
 */
export function openEnvelope(storeKey: string, bytes: Buffer, start = 0, end = bytes.length): Envelope {
  if (end - start < headBytes || uint32At(bytes, start) !== magic) throw new UndecodableError('Unknown format.');
  if (uint32At(bytes, start + 4) !== checksum(storeKey, bytes, start, end))
    throw new UndecodableError('The check of the bytes failed.');
  try {
    return readChecked(bytes, start, end);
  } catch (cause) {
    throw new UndecodableError('The head says what no entry does.', { cause });
  }
}

function readChecked(bytes: Buffer, start: number, end: number): Envelope {
  const flags = bytes[start + 8] as number;
  if (flags & ~(hasVersion | hasTags | staysInStore)) throw new RangeError('Unknown flags.');
  const codecAt = start + headBytes;
  let at = codecAt + (bytes[start + 9] as number);
  const codec = isJson(bytes, codecAt, at) ? 'json' : bytes.toString('latin1', codecAt, at);
  let version: string | undefined;
  if (flags & hasVersion) {
    const versionEnd = at + 2 + bytes.readUInt16BE(at);
    version = bytes.toString('utf8', at + 2, versionEnd);
    at = versionEnd;
  }
  let tags: readonly TagGeneration[] = noTags;
  if (flags & hasTags) [tags, at] = readTags(bytes, at);
  if (at > end) throw new RangeError('The head is longer than the bytes.');
  const generation = bytes.readDoubleBE(start + 32);
  if (!isGeneration(generation)) throw new RangeError('The generation is none.');
  return new Envelope(
    codec,
    uint48At(bytes, start + 10),
    readInstant(bytes, start + 16),
    readInstant(bytes, start + 22),
    uint32At(bytes, start + 28),
    generation,
    version,
    tags,
    bytes,
    at,
    end,
    (flags & staysInStore) !== 0,
  );
}

/** Nearly all entries are: their codec's name needs no text of its own. */
function isJson(bytes: Buffer, at: number, end: number): boolean {
  return end - at === 4 && uint32At(bytes, at) === 0x6a736f6e;
}

export const noTags: readonly TagGeneration[] = Object.freeze([]);

function readTags(bytes: Buffer, start: number): [TagGeneration[], number] {
  const tags: TagGeneration[] = [];
  let at = start + 1;
  for (let left = bytes.readUInt8(start); left > 0; left--) {
    const end = at + 2 + bytes.readUInt16BE(at);
    const generation = bytes.readDoubleBE(end);
    if (!isGeneration(generation)) throw new RangeError('The generation of a tag is none.');
    tags.push({ tag: bytes.toString('utf8', at + 2, end), generation });
    at = end + 8;
  }
  return [tags, at];
}

/** -1 and 0 stand where there was none to know. */
function isGeneration(number: number): boolean {
  return Number.isSafeInteger(number) && number >= -1;
}

function checksum(storeKey: string, bytes: Buffer, start = 0, end = bytes.length): number {
  // A Buffer for the same bytes takes four times as long to make.
  const checked = new Uint8Array(bytes.buffer, bytes.byteOffset + start + 8, end - start - 8);
  return crc32(checked, keyChecksum(storeKey));
}

/** As `readUInt32BE`, of bytes that are known to be there. */
function uint32At(bytes: Buffer, at: number): number {
  const high = bytes[at] as number;
  return (
    high * 0x100_0000 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}

function uint48At(bytes: Buffer, at: number): number {
  return (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) * 0x1_0000_0000 + uint32At(bytes, at + 2);
}

function writeText(bytes: Buffer, text: Buffer, at: number): number {
  if (text.length > 0xffff)
    throw tooLong('version, tags', `a text of ${text.length} bytes is more than an entry holds`);
  bytes.writeUInt16BE(text.length, at);
  bytes.set(text, at + 2);
  return at + 2 + text.length;
}

/** A finite instant is never written as "no limit", however far away. */
function writeInstant(bytes: Buffer, instant: number, at: number): void {
  bytes.writeUIntBE(instant === Infinity ? endless : Math.min(Math.max(Math.ceil(instant), 0), endless - 1), at, 6);
}

function readInstant(bytes: Buffer, at: number): number {
  const instant = uint48At(bytes, at);
  return instant === endless ? Infinity : instant;
}

function tooLong(option: string, problem: string): InvalidOptionError {
  return new InvalidOptionError(option, problem, 'Give a shorter one, such as its digest.');
}
