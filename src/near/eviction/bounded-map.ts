import { InvalidOptionError } from '../../value/errors.js';

/** What a bounded map can keep: an object with room for the map's own bookkeeping. */
export interface Evictable {
  /**
   * Where the map that keeps this object counts its uses. Begins with 0; only the map writes it. The number stands in the object, because a
   * hit reads the object anyway: a table beside it would cost one more cache miss. So one object is kept under one key of one map.
   */
  slot: number;
}

export interface BoundedMapOptions<V> {
  /** Most entries at a time: a whole number of 1 or more. */
  readonly maxEntries: number;
  /** Most bytes at a time, as told to `set`: a whole number of 1 or more. */
  readonly maxBytes: number;
  /** From 0 to below 1. Drawn once, for the seed of the hash of keys. The same seed and the same calls make the same evictions. */
  readonly random: () => number;
  /**
   * An entry went to make room for another. Called within `set`, after the entry is gone. Not called for `delete`, `clear`, a replaced value
   * or a refused one. It must not change the map.
   */
  readonly onEvicted?: (key: string, value: V) => void;
}

/**
 * A map that holds at most so many entries and so many bytes, and decides itself which ones.
 *
 * `get` and `set` are uses. `peek` and `entries` are not: they change nothing, now or later.
 *
 * @example
 * const copies = createBoundedMap<NearCopy>('adaptive', { maxEntries: 10_000, maxBytes: 64 * 2 ** 20, random });
 * if (!copies.set('user:1', copy, 512)) forget(copy); // refused: nothing is kept under this key
 */
export interface BoundedMap<V extends Evictable> {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Entries held. */
  readonly size: number;
  /** Bytes held: the sum of what `set` was told. */
  readonly bytes: number;
  /** The value, and a use of it. */
  get(key: string): V | undefined;
  /** The value. Not a use. */
  peek(key: string): V | undefined;
  /**
   * Keeps the value, in place of the one that the key had. A use.
   *
   * @param bytes a whole number of 1 or more.
   * @returns false if admission was refused. Then nothing is kept under the key: the value that it had is gone, too, and `onEvicted` does not
   * say so. Entries that went to make room are gone, and `onEvicted` has said so.
   * @throws InvalidOptionError if `bytes` is not such a number; then nothing has changed.
   */
  set(key: string, value: V, bytes: number): boolean;
  /** Removes the entry and returns its value; `undefined` if there was none. */
  delete(key: string): V | undefined;
  /** Removes everything, and what was learned of past uses. */
  clear(): void;
  /** In no order that means anything. Entries may be deleted on the way. Not a use. */
  entries(): IterableIterator<[string, V]>;
}

/** @throws InvalidOptionError unless it is a whole number of 1 or more. */
export function assertCount(option: string, value: number, remedy = 'Give a whole number of 1 or more.'): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidOptionError(option, `${value} is not a count`, remedy);
}
