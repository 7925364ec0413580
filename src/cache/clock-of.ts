import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';

const clocks = new WeakMap<object, Clock>();

export function noteClock(cache: object, clock: Clock = systemClock): void {
  clocks.set(cache, clock);
}

/** The clock that a cache was built with, for what keeps time beside it. The system's where it is none that was built here, such as a stand-in. */
export function clockOf(cache: object): Clock {
  return clocks.get(cache) ?? systemClock;
}
