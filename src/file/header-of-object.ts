import type { ObjectHead } from '../object/object-store.js';
import { bootName } from '../store/disk/process-stamp.js';
import { reportFault } from '../value/events.js';
import type { FileHeader } from './file-header.js';
import type { FileRequest } from './tiered-file.js';

/** What a copy says of itself when its download begins. The row's SHA-256 goes before the object store's checksum. */
export function headerOfObject({ uid, key, sha256 }: FileRequest, opened: ObjectHead, filledAt: number): FileHeader {
  const { size, etag, contentType, lastModified, checksum } = opened;
  const expected = sha256 === undefined ? checksum : ({ algorithm: 'sha256', hex: sha256 } as const);
  return {
    uid,
    key,
    size,
    etag,
    ...(contentType !== undefined && { contentType }),
    ...(lastModified && { lastModified: lastModified.getTime() }),
    ...(expected && { checksum: expected }),
    boot: bootName(),
    filledAt,
  };
}

/** The row may be wrong: the object is served, and a fault says so. */
export function reportOtherSize(source: string, { uid, size }: FileRequest, opened: ObjectHead): void {
  if (size === undefined || size === opened.size) return;
  const message = `The row says ${size} bytes, and the object has ${opened.size}. The object is served: correct the row.`;
  reportFault({ source, kind: 'unsuitable', key: uid, message });
}
