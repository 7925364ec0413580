import { LRUCache } from 'lru-cache';
import { createBoundedMap } from '../../../src/near/eviction/create-bounded-map.js';
import { Belady } from './belady.js';
import { S3Fifo } from './s3-fifo.js';

export const ours = 'nestjs-tiered-cache';
export const baseline = 'lru-cache';
export const s3Fifo = 'S3-FIFO';
/** No policy can miss less. */
export const limit = 'Belady';

/** Looks a key up, and keeps it if it was not there. */
type HitOrKeep = (key: number) => boolean;

const unbounded = Number.MAX_SAFE_INTEGER;

/** By name, what is compared: each one is made for a number of entries. */
export const contenders: Record<string, (capacity: number, random: () => number, keys: Int32Array) => HitOrKeep> = {
  [baseline]: (capacity) => {
    const lru = new LRUCache<number, true>({ max: capacity });
    return (key) => {
      if (lru.get(key)) return true;
      lru.set(key, true);
      return false;
    };
  },
  [s3Fifo]: (capacity) => {
    const model = new S3Fifo(capacity);
    return (key) => model.hits(key);
  },
  [ours]: (capacity, random) => {
    const map = createBoundedMap('adaptive', { maxEntries: capacity, maxBytes: unbounded, random });
    return (key) => {
      const name = `content:${key}`;
      if (map.get(name)) return true;
      map.set(name, { slot: 0 }, 1);
      return false;
    };
  },
  [limit]: (capacity, _random, keys) => {
    const model = new Belady(keys, capacity);
    return (key) => model.hits(key);
  },
};

/** Hits of 100 look-ups. */
export function hitsPercent(keys: Int32Array, hitOrKeep: HitOrKeep): number {
  let hits = 0;
  for (const key of keys) if (hitOrKeep(key)) hits++;
  return (100 * hits) / keys.length;
}
