import type { Clock } from '../value/clock.js';

/**
 * A moment by both clocks: a machine that is suspended stops the monotonic one, and one whose time is set moves the other.
 * Of a moment that is to come, the clock that reaches it first counts.
 */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentNow(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

export function momentAfter({ monotonic, wall }: Moment, ms: number): Moment {
  return { monotonic: monotonic + ms, wall: wall + ms };
}

/** How long until then; 0 or less: it has come. */
export function msUntil({ monotonic, wall }: Moment, clock: Clock): number {
  return Math.min(monotonic - clock.monotonic(), wall - clock.now());
}

/**
 * A timer stands still with a machine that is suspended: so long after the machine goes on, at the latest, a renewal that is due is sent, and whoever
 * listens to a lease's signal is told of its end.
 */
const longestSleepMs = 1_000;

/** How long a timer may wait for then before it looks at both clocks again. */
export function msOfSleep(moment: Moment, clock: Clock): number {
  return Math.min(Math.max(0, msUntil(moment, clock)), longestSleepMs);
}
