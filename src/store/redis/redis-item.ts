import { randomFillSync } from 'node:crypto';

/**
 * An item on the wire: `01 · 8-byte revision · 4-byte check of the key · payload`. Counters are bare decimal digits, which the server can add to; no
 * digit is 01.
 */
export const itemHeadBytes = 13;
const itemMark = 0x01;

/** An item as it was read. */
export interface RedisItem {
  readonly revision: bigint;
  /** A view of the reply. */
  readonly payload: Buffer;
}

const pool = { bytes: Buffer.alloc(8_192), at: 8_192 };

/** A revision that no other write of the fleet has: 64 random bits. */
export function newRevision(): bigint {
  if (pool.at === pool.bytes.length) {
    randomFillSync(pool.bytes);
    pool.at = 0;
  }
  const revision = pool.bytes.readBigUInt64BE(pool.at);
  pool.at += 8;
  return revision;
}

/** The bytes to store for this payload. An empty payload is a stub. */
export function sealItem(storeKey: string, revision: bigint, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(itemHeadBytes + payload.length);
  bytes[0] = itemMark;
  bytes.writeBigUInt64BE(revision, 1);
  bytes.writeUInt32BE(keyCheck(storeKey), 9);
  bytes.set(payload, itemHeadBytes);
  return bytes;
}

/**
 * Takes a reply apart. `'digits'`: a counter. `'crossed'`: an item of another key, which means that replies belong to other commands than they are given
 * to: the connection must end.
 */
export function openItem(storeKey: string, bytes: Buffer): RedisItem | 'digits' | 'crossed' {
  if (bytes[0] !== itemMark) return isDigits(bytes) ? 'digits' : 'crossed';
  if (bytes.length < itemHeadBytes || bytes.readUInt32BE(9) !== keyCheck(storeKey)) return 'crossed';
  return { revision: bytes.readBigUInt64BE(1), payload: bytes.subarray(itemHeadBytes) };
}

/** The first nine bytes of an item of this revision, which scripts compare. */
export function revisionHead(revision: bigint): Buffer {
  const head = Buffer.allocUnsafe(9);
  head[0] = itemMark;
  head.writeBigUInt64BE(revision, 1);
  return head;
}

/** FNV-1a of the key's characters, which are ASCII. */
function keyCheck(storeKey: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < storeKey.length; index++) {
    hash = Math.imul(hash ^ storeKey.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

function isDigits(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes.length > 20) return false;
  for (const byte of bytes) if ((byte < 0x30 || byte > 0x39) && byte !== 0x2d) return false;
  return true;
}
