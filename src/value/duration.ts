import ms from 'ms';
import type { StringValue } from 'ms';
import { InvalidDurationError } from './errors.js';

/** A length of time: a number is milliseconds, a string is read by the `ms` package (`'5m'`, `'1.5h'`, `'2 days'`). */
export type Duration = number | StringValue;

/**
 * The duration in milliseconds.
 *
 * @param field names the option in the error, as the user wrote it (`'ttl'`, `'lock.ttl'`).
 * @returns zero or more milliseconds, fractions kept; `Infinity` when the caller said `Infinity`.
 * @throws InvalidDurationError for NaN, a negative number, a string that `ms` can't read, or any other type.
 */
export function milliseconds(duration: Duration, field: string): number {
  const parsed: unknown = typeof duration === 'string' ? parse(duration) : duration;
  if (typeof parsed !== 'number' || Number.isNaN(parsed) || parsed < 0) {
    throw new InvalidDurationError(field, duration);
  }
  return parsed;
}

/** As {@link milliseconds}, and neither zero nor endless: for deadlines, lives of locks and intervals. */
export function positiveMilliseconds(duration: Duration, field: string): number {
  const parsed = milliseconds(duration, field);
  if (parsed === 0 || parsed === Infinity) throw new InvalidDurationError(field, duration, 'more than 0 and finite');
  return parsed;
}

function parse(text: string): number | undefined {
  // `ms('')` throws, where a bad word gives undefined: both are the same mistake here.
  return text.length === 0 || text.length > 100 ? undefined : ms(text as StringValue);
}
