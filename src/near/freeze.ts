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

/**
 * As `freeze`, for values that are not frozen: arrays, plain objects, Maps and Sets are gone through, and nothing else.
 * @throws UndecodableError for a value that would end the recursion of whoever goes through it.
 */
export function assertDepth(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth >= maxDepth) throw new UndecodableError(`The value is nested in more than ${maxDepth} levels.`);
  if (Array.isArray(value) || value instanceof Set) for (const item of value) assertDepth(item, depth + 1);
  else if (value instanceof Map) for (const pair of value) for (const item of pair) assertDepth(item, depth + 1);
  else if (isPlain(value)) for (const property of Object.values(value)) assertDepth(property, depth + 1);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
