import { InvalidDurationError, InvalidOptionError } from '../../value/errors.js';

const dayMs = 86_400_000;

/**
 * The number of days since 1970-01-01 in the calendar of a zone, as `datetime.date` counts them: 0 for all of 1970-01-01 there.
 *
 * @param zone an IANA name such as `America/Los_Angeles`.
 * @throws InvalidOptionError for an unknown zone; InvalidDurationError for an invalid date.
 */
export function unixDate(instant: Date | number, zone: string): number {
  const atMs = instant instanceof Date ? instant.getTime() : instant;
  return Math.floor((atMs + offsetMs(atMs, formatterOf(zone))) / dayMs);
}

/** The unix date that a calendar date such as `2025-03-09` has, in any zone; undefined for a text that is no date. */
export function unixDateOf(isoDate: string): number | undefined {
  const atMs = /^\d{4}-\d{2}-\d{2}$/.test(isoDate) ? Date.parse(isoDate) : NaN;
  // February 30 is read as March 2.
  const isDate = !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(isoDate);
  return isDate ? atMs / dayMs : undefined;
}

/**
 * When a day begins in a zone, in epoch milliseconds: at its midnight, or, where the clocks skip that, at its first instant. Days
 * are 23, 24 or 25 hours long, rarely others.
 */
export function startOfDay(date: number, zone: string): number {
  const formatter = formatterOf(zone);
  const midnight = date * dayMs; // as if the zone were UTC
  // No offset is more than a day, so these two are the ones in force before and after the midnight looked for.
  const candidates = [midnight - dayMs, midnight + dayMs].map((near) => midnight - offsetMs(near, formatter));
  const real = candidates.filter((at) => at + offsetMs(at, formatter) === midnight);
  return real.length > 0 ? Math.min(...real) : firstInstantOf(date, Math.min(...candidates) - dayMs, zone);
}

/** Whether this is the name of a zone is known by asking for it. */
export function assertZone(zone: string): void {
  formatterOf(zone);
}

/** For a midnight that the clocks skip: the instant from which on the date is reached, by halving. */
function firstInstantOf(date: number, before: number, zone: string): number {
  let low = before;
  let high = before + 3 * dayMs;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (unixDate(middle, zone) >= date) high = middle;
    else low = middle;
  }
  return high;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known) return known;
  try {
    // An undefined zone would be the server's own.
    if (typeof zone !== 'string' || zone === '') throw new RangeError('The zone is no text.');
    const formatter = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...fields });
    formatters.set(zone, formatter);
    return formatter;
  } catch (cause) {
    const remedy = "Give an IANA name such as 'America/Los_Angeles'.";
    throw new InvalidOptionError('zone', `'${String(zone)}' is no time zone known here`, remedy, { cause });
  }
}

const fields = {
  calendar: 'iso8601',
  numberingSystem: 'latn',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
} as const;

/** What the zone's clocks are ahead of UTC at that instant. */
function offsetMs(atMs: number, formatter: Intl.DateTimeFormat): number {
  if (!(Math.abs(atMs) <= 8.64e15)) throw new InvalidDurationError('instant', atMs, 'a valid date');
  const parts: Record<string, number> = {};
  for (const { type, value } of formatter.formatToParts(atMs)) parts[type] = Number(value);
  const { year, month, day, hour, minute, second } = parts as Record<keyof typeof fields, number>;
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  return local - Math.floor(atMs / 1000) * 1000;
}
