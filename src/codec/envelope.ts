import { crc32 } from 'node:zlib';
import { InvalidOptionError, UndecodableError } from '../value/errors.js';
import type { Provenance, TagGeneration } from '../value/entry.js';

/**
 * The bytes of a stored entry, format 1. All integers are big-endian.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | `NTC` and the format, 1 |
 * | 4 | 4 | CRC-32 of the store key and then of all bytes from offset 8 on |
 * | 8 | 1 | flags: 1 has an upstream version, 2 has tags |
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
export const envelopeFormat = 1;

const magic = 0x4e544300 | envelopeFormat;
const headBytes = 40;
const endless = 0xffff_ffff_ffff;
const hasVersion = 1;
const hasTags = 2;

/** Everything in an envelope but the payload. */
export interface EnvelopeHead extends Provenance {
  readonly codec: string;
  readonly generation: number;
}

export interface Envelope extends EnvelopeHead {
  /** A view of the bytes that were opened, not a copy. */
  readonly payload: Buffer;
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
  bytes[8] = (version ? hasVersion : 0) | (tags.length > 0 ? hasTags : 0);
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

/** @throws UndecodableError unless these are the whole bytes of an entry of this key, in this format. */
export function openEnvelope(storeKey: string, bytes: Buffer): Envelope {
  if (bytes.length < headBytes || bytes.readUInt32BE(0) !== magic) throw new UndecodableError('Unknown format.');
  if (bytes.readUInt32BE(4) !== checksum(storeKey, bytes)) throw new UndecodableError('The check of the bytes failed.');
  try {
    return readChecked(bytes);
  } catch (cause) {
    throw new UndecodableError('The head says what no entry does.', { cause });
  }
}

function readChecked(bytes: Buffer): Envelope {
  const flags = bytes[8] as number;
  if (flags & ~(hasVersion | hasTags)) throw new RangeError('Unknown flags.');
  let at = headBytes + (bytes[9] as number);
  const codec = bytes.toString('latin1', headBytes, at);
  let version: string | undefined;
  if (flags & hasVersion) {
    const end = at + 2 + bytes.readUInt16BE(at);
    version = bytes.toString('utf8', at + 2, end);
    at = end;
  }
  let tags: readonly TagGeneration[] = noTags;
  if (flags & hasTags) [tags, at] = readTags(bytes, at);
  if (at > bytes.length) throw new RangeError('The head is longer than the bytes.');
  const generation = bytes.readDoubleBE(32);
  if (!isGeneration(generation)) throw new RangeError('The generation is none.');
  const envelope: Envelope = {
    codec,
    createdAt: bytes.readUIntBE(10, 6),
    freshUntil: readInstant(bytes, 16),
    staleUntil: readInstant(bytes, 22),
    loadCostMs: bytes.readUInt32BE(28),
    generation,
    tags,
    payload: bytes.subarray(at),
  };
  return version === undefined ? envelope : { ...envelope, version };
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

function checksum(storeKey: string, bytes: Buffer): number {
  return crc32(bytes.subarray(8), crc32(storeKey));
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
  const instant = bytes.readUIntBE(at, 6);
  return instant === endless ? Infinity : instant;
}

function tooLong(option: string, problem: string): InvalidOptionError {
  return new InvalidOptionError(option, problem, 'Give a shorter one, such as its digest.');
}
