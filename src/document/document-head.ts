/** The first bytes of a document in Redis: `tcd1`, 16 digits of its revision, the SHA-256 of its bytes. Head and body are one value, and go together. */
export const headBytes = 52;

const magic = 'tcd1';
const revisionEnd = 20;

/** What stands where a head will be, as long as a document comes in. No revision is written so. */
export const blankHead: Buffer = Buffer.alloc(headBytes);
export const noRevision = '\0'.repeat(16);

export interface DocumentHead {
  /** 16 decimal digits: of two revisions, the later one is the greater text. */
  readonly revision: string;
  readonly sha256: Buffer;
}

/** @returns undefined for what is no head. */
export function readHead(bytes: Buffer): DocumentHead | undefined {
  if (bytes.length < headBytes || bytes.toString('latin1', 0, 4) !== magic) return undefined;
  const revision = bytes.toString('latin1', 4, revisionEnd);
  return isRevision(revision) ? { revision, sha256: bytes.subarray(revisionEnd, headBytes) } : undefined;
}

export function isRevision(text: string): boolean {
  return /^\d{16}$/.test(text);
}
