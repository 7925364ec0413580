import { payloadStart } from '../store/redis/redis-item.js';
import type { BackupRecord } from './backup-record.js';
import { readDumpedText } from './dumped-text.js';

const headBytes = 64;

/**
 * Whether a cache keeps this key: an entry, its list of versions, its feed, or the generation of a tag. Restored over what stands there, they would undo
 * invalidations that were acknowledged since: an entry that was deleted, the generation of a tag, the list that a clear has changed. And no cache needs
 * them: without their list, entries are not there.
 */
export function isOfACache({ key, dump }: Pick<BackupRecord, 'key' | 'dump'>): boolean {
  const head = dump[0] === 0 ? readDumpedText(dump, 1, headBytes)?.head : undefined;
  if (!head) return false;
  const name = key.toString('latin1');
  const start = payloadStart(name, head);
  if (typeof start === 'number') return true;
  const kind = /~(tag:|feed(?::[^:]*)?$)/.exec(name)?.[1];
  if (kind === undefined) return false;
  if (kind === 'tag:') return start === 'digits';
  if (kind === 'feed') return /^\d+ [\w-]+$/.test(head.toString('latin1'));
  return kind === 'feed:incarnation' || (/^feed:\d+$/.test(kind) && head[0] === 0x66);
}
