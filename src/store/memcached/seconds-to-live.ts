import type { Clock } from '../../value/clock.js';
import { driftPerMs } from '../../value/drift-per-ms.js';

/** memcached reads larger numbers as a date: 31 days would be in February 1970. */
export const maxRelativeSeconds = 30 * 24 * 3_600;
/** It keeps dates in 32 bits. */
const lastDateSeconds = 2 ** 31 - 1;

/**
 * A life as memcached takes it: whole seconds, rounded up; seconds since 1970 beyond 30 days; 0 for "until removed", and for what ends after
 * January 2038, the last date that it can keep. Entries carry their exact instants themselves: the server may keep them longer, never shorter.
 */
export function secondsToLive(lifeMs: number, clock: Clock): number {
  if (lifeMs === Infinity) return 0;
  const seconds = Math.max(1, Math.ceil(lifeMs / 1_000));
  if (seconds <= maxRelativeSeconds) return seconds;
  const date = Math.ceil(clock.now() / 1_000) + seconds;
  return date <= lastDateSeconds ? date : 0;
}

/**
 * What the server's seconds may leave out of a life: it drops the fraction, a second is between two of its ticks, and a tick may come late. A tick that comes
 * to be in the next second skips one, so that an item of T2 may be gone at once.
 */
const leftOutMs = 3_000;

/**
 * The life of an item that is written: the flag `T`, and the same seconds once more as the number that the server keeps beside it (`F`). What is left
 * (`t`) and what was given tell the item's age by the server's own clock. A date says nothing about an age: none is left with it.
 *
 * @param neverShorter adds what may be left out of it, and what clocks drift.
 */
export function lifeOnTheWire(lifeMs: number, neverShorter: boolean, clock: Clock): string {
  const { seconds, given } = lifeGiven(lifeMs, neverShorter, clock);
  return given > 0 ? `T${seconds} F${given}` : `T${seconds}`;
}

/** As `lifeOnTheWire`, as two numbers. `given` is 0 where none is left with the item. */
export function lifeGiven(lifeMs: number, neverShorter: boolean, clock: Clock): { seconds: number; given: number } {
  const seconds = secondsToLive(neverShorter ? lifeMs * (1 + driftPerMs) + leftOutMs : lifeMs, clock);
  return { seconds, given: seconds <= maxRelativeSeconds ? seconds : 0 };
}

/** How old the item is at least, but for a second that the server's clock has skipped; undefined: it can't be told. Either number may be up to a second late. */
export function leastAgeMs(given: number | undefined, left: number | undefined): number | undefined {
  if (!given || left === undefined) return undefined;
  return Math.max(0, (given - left - 1) * 1_000);
}
