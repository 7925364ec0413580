import { InvalidDurationError } from '../../value/errors.js';
import type { Life, LifeContext } from '../life.js';
import { assertZone, startOfDay, unixDate, unixDateOf } from './zone.js';
import { KnownOptions } from '../../value/known-options.js';

export interface EndOfDayOptions<V> {
  /** An IANA name such as `America/Los_Angeles`. The server's own zone plays no part. */
  readonly zone: string;
  /**
   * Which day: the name of the key parameter that says so, or a function. Both give days since 1970-01-01 in the zone's calendar
   * or a text such as `2025-03-09`. Default: the day on which the entry was made.
   */
  readonly unixDate?: string | ((context: LifeContext<V>) => number | string);
}

const known = KnownOptions.of<EndOfDayOptions<unknown>>('untilEndOfDay()', { zone: true, unixDate: true });

/**
 * Until the local midnight that ends a day, which is 23, 24 or 25 hours after the one that began it. For charts that are right
 * until their day is over: `daily_active_users:{unix_date}`. An entry of a day that is over is not kept.
 *
 * @throws InvalidOptionError at once for an unknown zone; InvalidDurationError when the day is none.
 */
export function untilEndOfDay<V = unknown>(options: EndOfDayOptions<V>): Life<V> {
  known.check(options);
  const { zone, unixDate: day } = options;
  assertZone(zone);
  let last = { date: NaN, endsAt: NaN }; // calendars are slow and days are long
  const which = typeof day === 'string' ? `{${day}}` : day ? 'the day in question' : 'the day it was set';
  return {
    description: `until the midnight that ends ${which} in ${zone}`,
    freshUntil(context) {
      const date = dateOf(options, context);
      if (date !== last.date) last = { date, endsAt: startOfDay(date + 1, zone) };
      return last.endsAt;
    },
    ...(typeof day === 'string' ? { parameters: [day] } : undefined),
  };
}

function dateOf<V>({ zone, unixDate: day }: EndOfDayOptions<V>, context: LifeContext<V>): number {
  if (day === undefined) return unixDate(context.createdAt, zone);
  const given = typeof day === 'string' ? context.parameters?.[day] : day(context);
  const date = typeof given === 'string' ? unixDateOf(given) : given;
  if (typeof date === 'number' && Number.isInteger(date) && Math.abs(date) <= 1e8 - 2) return date;
  const valid = "whole days since 1970-01-01, or a text such as '2025-03-09'";
  throw new InvalidDurationError(typeof day === 'string' ? day : 'unixDate', given, valid);
}
