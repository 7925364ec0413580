import type { BackupRecord } from './backup-record.js';
import { readDumpedLength, readDumpedText } from './dumped-text.js';

const asTable = 4;
/** A hash in one piece: as a ziplist up to Redis 6, as a listpack since. */
const inOnePiece = new Set([13, 16]);
/** Room for the longest id of a document and what is noted of it. */
const headBytes = 2_048;
const incarnation = /[0-9a-f]{40} [0-9a-f]{40}/;

/**
 * Whether documents keep their notes under this key of what was written or deleted on which server. A note of before is true no more: brought back to the
 * server that made it, it would let an earlier document win over the later one that the object store holds.
 */
export function areNotesOfWrites({ key, dump }: Pick<BackupRecord, 'key' | 'dump'>): boolean {
  const kind = dump[0] as number;
  if (!key.toString('latin1').endsWith(':written')) return false;
  if (inOnePiece.has(kind)) return isNoted(readDumpedText(dump, 1, headBytes)?.head);
  if (kind !== asTable) return false;
  const fields = readDumpedLength(dump, 1);
  const id = fields && readDumpedText(dump, fields.end, 0);
  return isNoted(id && readDumpedText(dump, id.end, headBytes)?.head);
}

const isNoted = (head: Buffer | undefined): boolean => head !== undefined && incarnation.test(head.toString('latin1'));
