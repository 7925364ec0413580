import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { ObjectChecksum } from '../object/object-store.js';
import { bytesAt } from '../value/bytes-at.js';

/** Bytes in front of the body. */
export const headerBytes = 4096;
/** Bytes of the body that share a checksum. */
export const blockBytes = 2 ** 20;

const magic = Buffer.from('NTCFILE1', 'latin1');
const stateOffset = 8;
const textOffset = 20;

/** What a kept file says of itself. */
export interface FileHeader {
  /** The row that it belongs to. */
  readonly uid: string;
  /** The object that it was filled from. */
  readonly key: string;
  /** Bytes of the body. */
  readonly size: number;
  /** The object store's name of this version. */
  readonly etag: string;
  readonly contentType?: string;
  /** Milliseconds since 1970. */
  readonly lastModified?: number;
  /** What the body is compared with before its last bytes are handed out. Absent: only its size is known. */
  readonly checksum?: ObjectChecksum;
  /** The start of the machine that it was filled in. Unfinished files of another one are not gone on with. */
  readonly boot: string;
  /** Milliseconds since 1970: before the object store was asked for it. */
  readonly filledAt: number;
}

/** How it stands with a file that is being filled. Another process's followers read it where no more bytes come. */
export type FillState = 'filling' | 'damaged' | 'changed' | 'givenUp';

const states: readonly FillState[] = ['filling', 'damaged', 'changed', 'givenUp'];

/** `undefined`: it has no room for what it is to say (names of thousands of bytes). */
export function encodeHeader(header: FileHeader): Buffer | undefined {
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  if (textOffset + text.length > headerBytes) return undefined;
  const block = Buffer.alloc(headerBytes);
  magic.copy(block);
  block.writeUInt32BE(text.length, 12);
  block.writeUInt32BE(crc32(text), 16);
  text.copy(block, textOffset);
  return block;
}

/** `undefined`: it is no header of this format. Nothing of it is trusted before its checksum is right. */
export function decodeHeader(block: Buffer): FileHeader | undefined {
  if (block.length < headerBytes || !block.subarray(0, magic.length).equals(magic)) return undefined;
  const length = block.readUInt32BE(12);
  if (textOffset + length > headerBytes) return undefined;
  const text = block.subarray(textOffset, textOffset + length);
  if (crc32(text) !== block.readUInt32BE(16)) return undefined;
  const header = JSON.parse(text.toString('utf8')) as FileHeader;
  return Number.isSafeInteger(header.size) && header.size >= 0 ? header : undefined;
}

/** Of an open file. `undefined`: it has none that can be read. @throws what the file system says. */
export async function headerIn(file: FileHandle): Promise<FileHeader | undefined> {
  const block = await bytesAt(file, 0, headerBytes);
  return block && decodeHeader(block);
}

export const encodeState = (state: FillState): Buffer => Buffer.from([states.indexOf(state)]);

export const decodeState = (byte: number): FillState => states[byte] ?? 'givenUp';

/** Where the state stands in the header. */
export const statePosition = stateOffset;

export const blocksOf = (size: number): number => Math.ceil(size / blockBytes);

/** Bytes of a whole file: header, body, the checksum of each block, the checksum of those. */
export const fileBytes = (size: number): number => headerBytes + size + trailerBytes(size);

export const trailerBytes = (size: number): number => 4 * blocksOf(size) + 4;

export function encodeTrailer(checksums: Uint32Array): Buffer {
  const trailer = Buffer.alloc(4 * checksums.length + 4);
  checksums.forEach((checksum, block) => trailer.writeUInt32BE(checksum, 4 * block));
  const table = trailer.subarray(0, -4);
  trailer.writeUInt32BE(crc32(table), table.length);
  return trailer;
}

/** `undefined`: it is damaged. */
export function decodeTrailer(trailer: Buffer): Uint32Array | undefined {
  const table = trailer.subarray(0, -4);
  if (trailer.length < 4 || crc32(table) !== trailer.readUInt32BE(table.length)) return undefined;
  return Uint32Array.from({ length: table.length / 4 }, (_, block) => table.readUInt32BE(4 * block));
}

/** Whether its bytes were compared, or are being, with the SHA-256 that a row says. A row that says none is content. */
export function isComparedWith({ checksum }: FileHeader, sha256: string | undefined): boolean {
  return sha256 === undefined || (checksum?.algorithm === 'sha256' && checksum.hex === sha256);
}

/** Whether an unfinished file is the one that a row asks for. Where the row says no checksum, its key tells: the object of another row may be another. */
export function isFillFor(
  header: FileHeader,
  { key, sha256 }: { readonly key: string; readonly sha256?: string },
): boolean {
  return sha256 === undefined ? header.key === key : isComparedWith(header, sha256);
}
