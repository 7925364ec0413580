import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { isPlainId, toKey } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import { InvalidOptionError } from '../value/errors.js';

/** What a bulk loader is told. */
export interface BulkLoadContext {
  /** Aborts when nobody waits for the values any more, and when the load has taken `maxLoad`. */
  readonly signal: AbortSignal;
  /** Tags every entry of this call, besides the tags of its options. */
  readonly tag: (...tags: string[]) => void;
}

/**
 * Loads the keys that are missing, all in one call. Keys that it leaves out are misses, or `null` where the options have `negative` without `when`; keys
 * nobody asked for are ignored.
 */
export type BulkLoader<V, K extends KeyLike = KeyLike> = (
  keys: readonly K[],
  context: BulkLoadContext,
) => Iterable<readonly [KeyLike, V | undefined]> | Promise<Iterable<readonly [KeyLike, V | undefined]>>;

/** What a key has that the loader left out. What `negative.when` judges was loaded. */
export function whereNone<V>({ negative }: EntryPolicy<V>['life']): V | undefined {
  return negative && !negative.when ? (null as V) : undefined;
}

/** The values that a loader gave, by the ids of their keys. @throws InvalidOptionError for what are no pairs of key and value. */
export function byId<V>(entries: Iterable<readonly [KeyLike, V]>): Map<string, V> {
  const loaded = new Map<string, V>();
  if (typeof (entries as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] !== 'function') throw noEntries();
  for (const entry of entries) {
    if (!Array.isArray(entry)) throw noEntries();
    const [key, value] = entry as readonly [KeyLike, V];
    loaded.set(typeof key === 'string' && isPlainId(key) ? key : toKey(key).id, value);
  }
  return loaded;
}

function noEntries(): InvalidOptionError {
  return new InvalidOptionError(
    'loadMissing',
    'what it answered are no pairs of a key and its value',
    'Answer a Map, or an array of [key, value].',
  );
}
