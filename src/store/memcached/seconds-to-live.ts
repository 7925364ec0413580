import type { Clock } from '../../value/clock.js';

/** memcached reads larger numbers as a date: 31 days would be in February 1970. */
const maxRelativeSeconds = 30 * 24 * 3_600;

/** A life as memcached takes it: whole seconds, rounded up; seconds since 1970 beyond 30 days; 0 for "until removed". */
export function secondsToLive(lifeMs: number, clock: Clock): number {
  if (lifeMs === Infinity) return 0;
  const seconds = Math.max(1, Math.ceil(lifeMs / 1_000));
  return seconds <= maxRelativeSeconds ? seconds : Math.ceil(clock.now() / 1_000) + seconds;
}
