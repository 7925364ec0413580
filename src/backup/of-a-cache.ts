import { payloadStart } from '../store/redis/redis-item.js';
import type { BackupRecord } from './backup-record.js';

const headBytes = 64;

/**
 * Whether a cache keeps this key: an entry, its list of versions, its feed, or the generation of a tag. Restored over what stands there, they would undo
 * invalidations that were acknowledged since: an entry that was deleted, the generation of a tag, the list that a clear has changed. And no cache needs
 * them: without their list, entries are not there.
 */
export function isOfACache({ key, dump }: Pick<BackupRecord, 'key' | 'dump'>): boolean {
  const head = textHead(dump);
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

/** The first bytes of a text that was dumped, at most {@link headBytes}; undefined: it is no text. */
function textHead(dump: Buffer): Buffer | undefined {
  const [ofText, byte = 0] = dump;
  if (ofText !== 0) return undefined;
  if (byte >>> 6 < 3) {
    const { length, end } = readLength(dump, 1);
    return dump.subarray(end, end + Math.min(length, headBytes));
  }
  // A number of 1, 2 or 4 bytes, or what LZF has made smaller.
  const encoding = byte & 63;
  if (encoding < 3) return Buffer.from(String(dump.readIntLE(2, 1 << encoding)));
  if (encoding > 3) return undefined;
  const packed = readLength(dump, 2);
  const { end } = readLength(dump, packed.end);
  return unpackedHead(dump.subarray(end, end + packed.length));
}

/** As Redis writes lengths: 6 bits, 14 bits, or 4 or 8 bytes. */
function readLength(dump: Buffer, at: number): { readonly length: number; readonly end: number } {
  const byte = dump[at] as number;
  if (byte < 0x40) return { length: byte, end: at + 1 };
  if (byte < 0x80) return { length: ((byte & 63) << 8) | (dump[at + 1] as number), end: at + 2 };
  if (byte === 0x80) return { length: dump.readUInt32BE(at + 1), end: at + 5 };
  return { length: Number(dump.readBigUInt64BE(at + 1)), end: at + 9 };
}

/** LZF: `0-31`, and one more literal bytes follow; else a length (3 bits, or a byte more) and an offset (13 bits) of what is repeated. */
function unpackedHead(packed: Buffer): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < packed.length && bytes.length < headBytes;) {
    const control = packed[at++] as number;
    if (control < 32) {
      bytes.push(...packed.subarray(at, at + control + 1));
      at += control + 1;
      continue;
    }
    let length = control >>> 5;
    if (length === 7) length += packed[at++] ?? 0;
    const from = bytes.length - (((control & 31) << 8) | (packed[at++] ?? 0)) - 1;
    for (let index = 0; index < length + 2; index++) bytes.push(bytes[from + index] ?? 0);
  }
  return Buffer.from(bytes.slice(0, headBytes));
}
