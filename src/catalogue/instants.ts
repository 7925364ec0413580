import { systemRandom } from '../value/chance.js';
import { InvalidDurationError, InvalidOptionError } from '../value/errors.js';
import { milliseconds, positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import type { EntryOptions } from './entry-options.js';
import type { Life, LifeContext } from './life.js';

/** The options that decide when an entry ends. `ttl` must be there: the caller has merged the defaults in. */
export type LifeOptions<V> = {
  readonly [Name in 'ttl' | 'staleFor' | 'jitter' | 'negative']?: EntryOptions<V>[Name] | undefined;
};

/** Epoch milliseconds. `freshUntil` at `createdAt`: for this request only, and the shared copy goes. */
export interface EntryInstants {
  readonly freshUntil: number;
  readonly staleUntil: number;
  /** For lives that slide: how long the entry lives on after each use. */
  readonly idleMs?: number;
}

/**
 * When an entry of this value ends. Pure but for `random`.
 *
 * A life that has ended before it began (a date in the past) is one of 0. An entry that isn't kept has no stale time either.
 *
 * @throws InvalidDurationError naming the option, for a duration that is negative, NaN or missing, an invalid date, and an endless
 * one but for lives that mean it; InvalidOptionError for a jitter outside of 0 to 0.5.
 */
export function resolveInstants<V>(
  options: LifeOptions<V>,
  value: V,
  createdAt: number,
  random: () => number = systemRandom,
): EntryInstants {
  const { ttl, staleFor = 0, jitter = 0, negative } = options;
  if (typeof ttl === 'number' && typeof staleFor === 'number' && jitter === 0 && negative === undefined) {
    if (ttl > 0 && ttl < Infinity && staleFor >= 0 && staleFor < Infinity) {
      return { freshUntil: createdAt + ttl, staleUntil: createdAt + ttl + staleFor };
    }
  }
  const isNegative = negative !== undefined && (negative.when ?? isNull)(value);
  const field = isNegative ? 'negative.ttl' : 'ttl';
  const given = isNegative ? negative.ttl : ttl;
  const until = endOf(given, field, { value, createdAt, random });
  const staleMs = isNegative
    ? finiteMilliseconds(negative.staleFor ?? 0, 'negative.staleFor')
    : finiteMilliseconds(staleFor, 'staleFor');
  const share = shortening(jitter, random);
  if (until <= createdAt) return { freshUntil: createdAt, staleUntil: createdAt };
  const end = share === 1 ? until : createdAt + (until - createdAt) * share;
  const instants = { freshUntil: end, staleUntil: end + staleMs };
  if (!isLife(given) || given.idle === undefined) return instants;
  return { ...instants, idleMs: positiveMilliseconds(given.idle, `${field}.idle`) };
}

/** False: all values of this life end alike. */
export const mayEndByValue = <V>({ ttl, negative }: LifeOptions<V>): boolean =>
  typeof ttl === 'function' || isLife(ttl) || negative !== undefined;

/**
 * Whether a value that is made of an entry's ends at another time than the entry's own. Where neither gives an end, it does not. What ends at another time
 * each time that it is asked, by the clock or by chance, says nothing of the value: the entry is asked before and after.
 */
export function endsByValue<V>(options: LifeOptions<V>, entry: { createdAt: number; read(): V }, value: V): boolean {
  if (!mayEndByValue(options)) return false;
  const current = entry.read();
  const endOfOne = (one: V): EntryInstants | undefined => instantsIfAny(options, one, entry.createdAt);
  const [before, other, after] = [endOfOne(current), endOfOne(value), endOfOne(current)];
  return endAlike(before, after) && !endAlike(before, other);
}

const endAlike = (one: EntryInstants | undefined, other: EntryInstants | undefined): boolean =>
  one?.freshUntil === other?.freshUntil && one?.staleUntil === other?.staleUntil;

function instantsIfAny<V>(options: LifeOptions<V>, value: V, createdAt: number): EntryInstants | undefined {
  try {
    return resolveInstants(options, value, createdAt, () => 0);
  } catch {
    return undefined;
  }
}

type Given<V> = EntryOptions<V>['ttl'];

/** What a `ttl` says, a fixed duration as milliseconds. @throws InvalidDurationError, InvalidOptionError for what gives no end to an entry. */
export function readLife<V>(given: NonNullable<Given<V>>, field: string): NonNullable<Given<V>> {
  if (typeof given === 'function') return given;
  if (given instanceof Date) {
    checkedInstant(given.getTime(), false, field);
    return given;
  }
  if (!isLife(given)) return finiteMilliseconds(given, field);
  if (typeof given.freshUntil === 'function') return given;
  const remedy =
    "Give a duration, a date, a function of the value that gives one of them, or a life such as sinceSet('5m').";
  throw new InvalidOptionError(field, 'what was given is no life', remedy);
}

function endOf<V>(given: Given<V>, field: string, context: LifeContext<V>): number {
  if (isLife(given)) return checkedInstant(given.freshUntil(context), given.endless === true, field);
  const life = typeof given === 'function' ? given(context.value) : given;
  if (life instanceof Date) return checkedInstant(life.getTime(), false, field);
  return context.createdAt + finiteMilliseconds(life as Duration, field);
}

function checkedInstant(instant: number, mayBeEndless: boolean, field: string): number {
  if (Number.isFinite(instant) || (instant === Infinity && mayBeEndless)) return instant;
  const valid = 'a valid date, or the life untilInvalidated()';
  throw new InvalidDurationError(field, instant === Infinity ? instant : 'Invalid Date', valid);
}

/** As `milliseconds`, and not endless. @throws InvalidDurationError */
export function finiteMilliseconds(duration: Duration, field: string): number {
  const lengthMs = milliseconds(duration, field);
  if (lengthMs === Infinity) {
    throw new InvalidDurationError(field, duration, 'a finite duration, or the life untilInvalidated() as ttl');
  }
  return lengthMs;
}

function shortening(jitter: number, random: () => number): number {
  if (!(jitter >= 0 && jitter <= 0.5)) {
    throw new InvalidOptionError('jitter', `${jitter} is no share of a life`, 'Give a number from 0 to 0.5.');
  }
  return jitter === 0 ? 1 : 1 - jitter * random();
}

/** Tells a life from a date, a function and a duration. */
export function isLife<V>(ttl: Given<V>): ttl is Life<V> {
  return typeof ttl === 'object' && ttl !== null && !(ttl instanceof Date);
}

const isNull = (value: unknown): boolean => value === null;
