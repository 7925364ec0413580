import type { FileHandle } from 'node:fs/promises';
import { bytesAt } from '../value/bytes-at.js';
import type { ObjectHead } from './object-store.js';

/** What stands behind an object's bytes in its file. */
interface Footer {
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
  readonly contentType?: string | undefined;
  readonly writtenAt: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface FoundObject {
  readonly key: string;
  readonly head: ObjectHead;
}

/** `OBJ1`, the format's name and version. */
const magic = 0x4f424a31;
const tailBytes = 8;
/** A key, metadata and a type of the allowed sizes stay far below, escaped as they may be. */
const maxFooterBytes = 64 * 2 ** 10;

/**
 * The footer of a file: JSON, then its length and the magic number as uint32 big-endian. Object bytes begin at 0, so that a read of a range is
 * one of the file, and what is known only after the last byte stands behind it.
 */
export function encodeFooter(key: string, head: Omit<ObjectHead, 'etag' | 'checksum'>, sha256: string): Buffer {
  const { size, contentType, lastModified, metadata } = head;
  const footer: Footer = { key, size, sha256, contentType, writtenAt: lastModified?.getTime() ?? 0, metadata };
  const json = Buffer.from(JSON.stringify(footer));
  const tail = Buffer.alloc(tailBytes);
  tail.writeUInt32BE(json.length, 0);
  tail.writeUInt32BE(magic, 4);
  return Buffer.concat([json, tail]);
}

/** The object of an open file, or `undefined` where the file is none, or not whole. */
export async function readFooter(file: FileHandle): Promise<FoundObject | undefined> {
  const { size: fileBytes } = await file.stat();
  if (fileBytes < tailBytes) return undefined;
  const tail = await bytesAt(file, fileBytes - tailBytes, tailBytes);
  if (tail?.readUInt32BE(4) !== magic) return undefined;
  const jsonBytes = tail.readUInt32BE(0);
  const bodyBytes = fileBytes - tailBytes - jsonBytes;
  if (jsonBytes > maxFooterBytes || bodyBytes < 0) return undefined;
  const json = await bytesAt(file, bodyBytes, jsonBytes);
  const footer = json && parse(json);
  if (footer?.size !== bodyBytes) return undefined;
  return { key: footer.key, head: headOf(footer) };
}

function headOf({ size, sha256, contentType, writtenAt, metadata }: Footer): ObjectHead {
  return {
    size,
    etag: `"${sha256}"`,
    ...(contentType !== undefined && { contentType }),
    lastModified: new Date(writtenAt),
    checksum: { algorithm: 'sha256', hex: sha256 },
    metadata,
  };
}

function parse(json: Buffer): Footer | undefined {
  try {
    const read = JSON.parse(json.toString('utf8')) as Partial<Footer> | null;
    const isFooter = typeof read?.key === 'string' && typeof read.sha256 === 'string' && Boolean(read.metadata);
    return isFooter ? (read as Footer) : undefined;
  } catch {
    return undefined;
  }
}
