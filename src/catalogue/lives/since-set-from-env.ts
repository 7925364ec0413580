import { InvalidOptionError } from '../../value/errors.js';
import { secondsFromEnv } from '../../value/seconds-from-env.js';
import type { Life } from '../life.js';
import { describeDuration } from './describe-duration.js';

/**
 * As long since the entry was set, or its load started, as an environment variable says in whole seconds. It is read whenever an entry is made, never at
 * import: what `ConfigModule` takes from a `.env` file counts. The catalogue names the variable, and reads the same on every host.
 *
 * @param defaultSeconds what an absent or empty variable means. 0 here and there: not kept beyond the request.
 * @throws InvalidOptionError naming the variable: at once for another default; from the calls that would make an entry, for anything but digits. To have it at the start, call
 * `secondsFromEnv` there.
 * @example defineKey('content_metadata:{key}', { ttl: sinceSetFromEnv('CONTENT_METADATA_CACHE_TIMEOUT', 300) })
 */
export function sinceSetFromEnv(variable: string, defaultSeconds: number): Life {
  if (!Number.isSafeInteger(defaultSeconds) || defaultSeconds < 0) {
    const problem = 'what it stands for by default is no number of whole seconds';
    throw new InvalidOptionError(variable, problem, 'Give seconds, such as 300.');
  }
  return {
    description: `${variable} since set, by default ${describeDuration(defaultSeconds * 1_000)}`,
    freshUntil: ({ createdAt }) => createdAt + secondsFromEnv(variable, defaultSeconds),
  };
}
