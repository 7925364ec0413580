import { KnownOptions } from '../../value/known-options.js';
import type { Life } from '../life.js';
import { toInstant } from './instant.js';

const known = KnownOptions.of<{ readonly description?: string }>('untilInstant()', { description: true });

/**
 * Until an instant in the data, such as `valid_until` or `expires_at`.
 *
 * @param instant a date or epoch milliseconds (not seconds); `undefined` or `null` when the data sets no limit, for which another
 * life must: `earliest(untilInstant(…), sinceSet('1h'))`.
 */
export function untilInstant<V = unknown>(
  instant: (value: V) => Date | number | undefined | null,
  options: { readonly description?: string } = {},
): Life<V> {
  known.check(options);
  return {
    description: options.description ?? 'until an instant in the data',
    freshUntil({ value }) {
      const given = instant(value);
      return given === undefined || given === null ? Infinity : toInstant(given);
    },
  };
}

/** No limit in time: until it is invalidated or evicted. */
export function untilInvalidated(): Life {
  return { description: 'until invalidated', freshUntil: () => Infinity, endless: true };
}
