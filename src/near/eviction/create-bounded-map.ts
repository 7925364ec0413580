import { InvalidOptionError } from '../../value/errors.js';
import { AdaptiveMap } from './adaptive-map.js';
import type { BoundedMap, BoundedMapOptions, Evictable } from './bounded-map.js';
import { LruMap } from './lru-map.js';

/**
 * Which entries go when a bound is reached.
 *
 * - `'adaptive'`: those that are least likely to be used again, by how often and how lately they were used; it learns which of the two tells more.
 * - `'lru'`: the least recently used.
 */
export type Eviction = 'adaptive' | 'lru';

/** @throws InvalidOptionError if the eviction is unknown. */
export function createBoundedMap<V extends Evictable>(
  eviction: Eviction,
  options: BoundedMapOptions<V>,
): BoundedMap<V> {
  switch (eviction) {
    case 'adaptive':
      return new AdaptiveMap(options);
    case 'lru':
      return new LruMap(options);
    default:
      throw new InvalidOptionError(
        'process.eviction',
        `'${String(eviction)}' is unknown`,
        "Give 'adaptive' (the default) or 'lru'.",
      );
  }
}
