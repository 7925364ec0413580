import { positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { InvalidDurationError } from '../value/errors.js';

/**
 * How long a record lives, in whole milliseconds. Redis adds it to the present time, and takes no digits with an exponent: a script that has written other
 * records before it met one would have done half of its work.
 *
 * @throws InvalidDurationError for 0, and for what is not finite or more than `Number.MAX_SAFE_INTEGER` milliseconds.
 */
export function recordLifeMs(ttl: Duration): number {
  const lifeMs = Math.ceil(positiveMilliseconds(ttl, 'ttl'));
  if (lifeMs <= Number.MAX_SAFE_INTEGER) return lifeMs;
  throw new InvalidDurationError('ttl', ttl, `at most ${Number.MAX_SAFE_INTEGER} ms, or leave it out`);
}
