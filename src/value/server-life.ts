import { positiveMilliseconds } from './duration.js';
import type { Duration } from './duration.js';
import { InvalidDurationError } from './errors.js';

/**
 * A life that a server counts, in whole milliseconds. Redis adds it to the present time, and takes no digits with an exponent: a script that has written
 * other keys before it met one would have done half of its work.
 *
 * @param named what the life is called where it is given: 'ttl', 'keepFor'.
 * @throws InvalidDurationError for 0, and for what is not finite or more than `Number.MAX_SAFE_INTEGER` milliseconds.
 */
export function serverLifeMs(life: Duration, named: string): number {
  const lifeMs = Math.ceil(positiveMilliseconds(life, named));
  if (lifeMs <= Number.MAX_SAFE_INTEGER) return lifeMs;
  throw new InvalidDurationError(named, life, `at most ${Number.MAX_SAFE_INTEGER} ms, or leave it out`);
}
