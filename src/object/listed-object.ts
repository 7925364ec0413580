import type { ListedObject, ObjectHead } from './object-store.js';

/** By the bytes of their UTF-8, as S3 sorts them: not by UTF-16 code unit. */
export function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

export function listedObject(key: string, { size, etag, lastModified }: ObjectHead): ListedObject {
  return { key, size, etag, ...(lastModified && { lastModified }) };
}
