import { LRUCache } from 'lru-cache';
import { assertCount } from './bounded-map.js';
import type { BoundedMap, BoundedMapOptions, Evictable } from './bounded-map.js';

/** A bounded map that evicts the least recently used. Refuses only what is larger than the whole map. */
export class LruMap<V extends Evictable> implements BoundedMap<V> {
  readonly maxEntries: number;
  readonly maxBytes: number;
  private readonly cache: LRUCache<string, V>;

  constructor(options: BoundedMapOptions<V>) {
    const { maxEntries, maxBytes, onEvicted } = options;
    this.maxEntries = maxEntries;
    this.maxBytes = maxBytes;
    this.cache = new LRUCache<string, V>({
      max: maxEntries,
      maxSize: maxBytes,
      ...(onEvicted && {
        dispose: (value: V, key: string, reason: LRUCache.DisposeReason) => {
          if (reason === 'evict') onEvicted(key, value);
        },
      }),
    });
  }

  get size(): number {
    return this.cache.size;
  }

  get bytes(): number {
    return this.cache.calculatedSize;
  }

  get(key: string): V | undefined {
    return this.cache.get(key);
  }

  peek(key: string): V | undefined {
    return this.cache.peek(key);
  }

  set(key: string, value: V, bytes: number): boolean {
    assertCount('bytes', bytes);
    if (bytes > this.maxBytes) {
      this.cache.delete(key);
      return false;
    }
    // lru-cache 11 leaves the size as it was if the value is the same object.
    if (this.cache.peek(key) === value) this.cache.delete(key);
    this.cache.set(key, value, { size: bytes });
    return true;
  }

  delete(key: string): V | undefined {
    const value = this.cache.peek(key);
    if (value !== undefined) this.cache.delete(key);
    return value;
  }

  clear(): void {
    this.cache.clear();
  }

  entries(): IterableIterator<[string, V]> {
    return this.cache.entries() as IterableIterator<[string, V]>;
  }
}
