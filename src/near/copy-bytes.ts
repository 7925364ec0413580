import type { EnvelopeHead } from '../codec/envelope.js';

/** What stands around a near copy in memory: the copy, its place in the list. Measured. */
const copyOverheadBytes = 200;
/** What stands around a tag that no other copy has: its generation, its place in the index of tags. Measured. */
const tagOverheadBytes = 256;

/** The memory that a near copy takes, but for its key. @param heldBytes of its value. */
export function copyBytes({ tags, version = '' }: EnvelopeHead, heldBytes: number): number {
  let bytes = heldBytes + copyOverheadBytes + version.length;
  for (const { tag } of tags) bytes += tag.length + tagOverheadBytes;
  return bytes;
}
