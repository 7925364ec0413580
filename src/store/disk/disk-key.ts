/**
 * A store key's place in the database: four bytes of hash, then the key itself. The hash spreads keys evenly, so that any run of
 * neighbours is a random sample of the items; the whole key behind it keeps two keys with equal hashes apart.
 *
 * Keys of one byte are the store's own records; no store key is that short.
 */
export type DiskKey = string | Uint8Array;

export const sessionKey = Uint8Array.of(1);
export const blockKey = Uint8Array.of(2);
export const janitorKey = Uint8Array.of(3);

/** In front of each item's key. */
export const hashBytes = 4;

/** Where the items begin: behind the store's own records. */
export const isItemKey = (key: Uint8Array): boolean => key.length > hashBytes;

/** Somewhere among the items, every place equally likely. */
export function randomPlace(random: () => number): Uint8Array {
  const place = Buffer.allocUnsafe(hashBytes);
  place.writeUInt32BE(Math.floor(random() * 2 ** 32));
  return place;
}

/** For lmdb: a string is a store key, bytes are a key as it lies in the database. */
export const diskKeyEncoder = {
  writeKey(key: DiskKey, target: Uint8Array, start: number): number {
    if (typeof key !== 'string') {
      target.set(key, start);
      return start + key.length;
    }
    // FNV-1a, then two rounds of mixing: its high bits alone are poor, and they decide the order.
    let hash = 0x811c9dc5;
    let at = start + hashBytes;
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      hash = Math.imul(hash ^ code, 0x01000193);
      target[at++] = code;
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    hash ^= hash >>> 15;
    target[start] = hash >>> 24;
    target[start + 1] = hash >>> 16;
    target[start + 2] = hash >>> 8;
    target[start + 3] = hash;
    return at;
  },
  readKey(target: Uint8Array, start: number, end: number): Uint8Array {
    return Uint8Array.prototype.slice.call(target, start, end);
  },
};
