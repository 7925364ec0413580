import { InvalidOptionError } from '../value/errors.js';
import { ObjectRangeError } from './object-errors.js';
import type { ByteRange } from './object-store.js';

/** @throws InvalidOptionError for a range that no object could answer. */
export function assertByteRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { start, end = start } = range;
  if (isOffset(start) && isOffset(end) && end >= start) return;
  const remedy = 'Give whole numbers, start from 0 on, and end not before start.';
  throw new InvalidOptionError('range', `${String(start)} to ${String(range.end)} are no bytes`, remedy);
}

/**
 * The bytes of an object of this size that the range means. Without a range all of them.
 *
 * @throws ObjectRangeError when it begins behind the last byte.
 */
export function resolveByteRange(key: string, range: ByteRange | undefined, size: number): Required<ByteRange> {
  assertByteRange(range);
  if (range === undefined) return { start: 0, end: size - 1 };
  if (range.start >= size) throw new ObjectRangeError(key, range.start, size);
  return { start: range.start, end: Math.min(range.end ?? size - 1, size - 1) };
}

function isOffset(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
