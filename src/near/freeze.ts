import { maxDepth } from '../codec/max-depth.js';
import { UndecodableError } from '../value/errors.js';

/**
 * Freezes the value and everything in it. For values that a codec made: trees of plain objects and arrays, without cycles.
 * @throws UndecodableError for one that is nested deeper than any codec writes.
 */
export function freeze<V>(value: V, depth = 0): V {
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) throw new UndecodableError(`The value is nested in more than ${maxDepth} levels.`);
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') freeze(item, depth + 1);
  } else {
    for (const name in value) {
      const property = value[name];
      if (typeof property === 'object') freeze(property, depth + 1);
    }
  }
  return Object.freeze(value);
}
