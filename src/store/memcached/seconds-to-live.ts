import type { Clock } from '../../value/clock.js';

/** memcached reads larger numbers as a date: 31 days would be in February 1970. */
const maxRelativeSeconds = 30 * 24 * 3_600;
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
