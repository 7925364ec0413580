import { systemRandom } from '../../value/chance.js';
import { InvalidDurationError, InvalidOptionError } from '../../value/errors.js';
import { positiveMilliseconds } from '../../value/duration.js';
import type { Duration } from '../../value/duration.js';
import type { Life } from '../life.js';
import { describeDuration } from './describe-duration.js';
import { toInstant } from './instant.js';
import { KnownOptions } from '../../value/known-options.js';

const ofSinceSet = KnownOptions.of<{ readonly jitter?: number }>('sinceSet()', { jitter: true });
const ofSinceLastUsed = KnownOptions.of<{ readonly maxAge: Duration }>('sinceLastUsed()', { maxAge: true });

/**
 * So long since the entry was set, or its load started.
 *
 * @param options.jitter shortens each life by a random share of up to this, 0 to 0.5, so that entries made together don't end
 * together. Default 0.
 * @throws InvalidDurationError unless the duration is more than 0 and finite; InvalidOptionError for another jitter.
 */
export function sinceSet(duration: Duration, options: { readonly jitter?: number } = {}): Life {
  ofSinceSet.check(options);
  const lifeMs = lifeOf(duration);
  const { jitter = 0 } = options;
  if (!(jitter >= 0 && jitter <= 0.5)) {
    throw new InvalidOptionError('jitter', `${jitter} is no share of a life`, 'Give a number from 0 to 0.5.');
  }
  const shortened = jitter === 0 ? '' : `, less up to ${Number((jitter * 100).toFixed(2))} % at random`;
  return {
    description: `${describeDuration(lifeMs)} since set${shortened}`,
    freshUntil: ({ createdAt, random = systemRandom }) =>
      createdAt + (jitter === 0 ? lifeMs : lifeMs * (1 - jitter * random())),
  };
}

/**
 * So long since the value was *first* made, however often it has been copied or written again.
 *
 * @param originallySetAt when that was, from the value: a date or epoch milliseconds. Default: when this entry was made, which
 * copies between tiers keep.
 */
export function sinceOriginallySet<V = unknown>(
  duration: Duration,
  originallySetAt?: (value: V) => Date | number,
): Life<V> {
  const lifeMs = lifeOf(duration);
  return {
    description: `${describeDuration(lifeMs)} since originally set`,
    freshUntil: (context) => lifeMs + (originallySetAt ? toInstant(originallySetAt(context.value)) : context.createdAt),
  };
}

/**
 * So long since the value was last checked at its source. Writing the same value again does not restart it; a new check does.
 *
 * @param checkedAt when that was, from the value: a date or epoch milliseconds.
 */
export function sinceLastChecked<V = unknown>(duration: Duration, checkedAt: (value: V) => Date | number): Life<V> {
  const lifeMs = lifeOf(duration);
  return {
    description: `${describeDuration(lifeMs)} since last checked`,
    freshUntil: ({ value }) => lifeMs + toInstant(checkedAt(value)),
  };
}

/**
 * So long since it was last used, but never beyond `maxAge` since it was set. Only on stores that can touch. The store counts the time between two uses: never
 * less of it, on memcached up to four seconds and a two-thousandth more.
 *
 * @throws InvalidDurationError unless both are more than 0 and finite, and `maxAge` is not the shorter one.
 */
export function sinceLastUsed(idle: Duration, options: { readonly maxAge: Duration }): Life {
  ofSinceLastUsed.check(options);
  const idleMs = positiveMilliseconds(idle, 'idle');
  const maxAgeMs = positiveMilliseconds(options.maxAge, 'maxAge');
  if (maxAgeMs < idleMs) {
    throw new InvalidDurationError('maxAge', options.maxAge, `at least the idle time, ${describeDuration(idleMs)}`);
  }
  return {
    description: `${describeDuration(idleMs)} since last used, at most ${describeDuration(maxAgeMs)} since set`,
    freshUntil: ({ createdAt }) => createdAt + maxAgeMs,
    idle: idleMs,
  };
}

function lifeOf(duration: Duration): number {
  return positiveMilliseconds(duration, 'ttl');
}
