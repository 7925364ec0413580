import { milliseconds, positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { InvalidDurationError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';

/** How a lock is taken and held. */
export interface LockOptions {
  /**
   * How long the lock is held unless it is renewed. At least twice the store's clock resolution (memcached: 2 s), at most 7 days: never 0, never
   * endless. Default `'60s'`.
   */
  readonly ttl?: Duration | undefined;
  /** How long to wait for a lock that is held, at most a day. Default 0: not at all. */
  readonly wait?: Duration | undefined;
  /** Renews at a third of the life for as long as the lease is not released. Default true. */
  readonly renew?: boolean | undefined;
  /** Ends the wait, which then rejects with the signal's reason. A lock that is held already is not affected. */
  readonly signal?: AbortSignal | undefined;
  /** Draws a fencing token with the lock: one more operation on Redis, two elsewhere. Without, `lease.fencingToken` is 0. Default true. */
  readonly fencing?: boolean | undefined;
}

export interface ResolvedLockOptions {
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly renew: boolean;
  readonly signal: AbortSignal | undefined;
  readonly fencing: boolean;
}

const known = KnownOptions.of<LockOptions>('CacheLock', {
  ttl: true,
  wait: true,
  renew: true,
  signal: true,
  fencing: true,
});

/** Longer ones overflow Node's timers, which would then fire at once. */
export const longestTtlMs = 7 * 24 * 3_600_000;
const longestWaitMs = 24 * 3_600_000;

/** @throws InvalidOptionError, InvalidDurationError naming the option. */
export function resolveLockOptions(
  options: LockOptions,
  defaultTtl: Duration,
  clockResolutionMs: number,
): ResolvedLockOptions {
  known.check(options);
  const ttlMs = positiveMilliseconds(options.ttl ?? defaultTtl, 'lock.ttl');
  if (ttlMs < 2 * clockResolutionMs) {
    throw new InvalidDurationError(
      'lock.ttl',
      ttlMs,
      `at least ${2 * clockResolutionMs} ms: the store keeps lives to ${clockResolutionMs} ms`,
    );
  }
  if (ttlMs > longestTtlMs) throw new InvalidDurationError('lock.ttl', options.ttl ?? defaultTtl, 'at most 7 days');
  const waitMs = milliseconds(options.wait ?? 0, 'lock.wait');
  if (waitMs > longestWaitMs) throw new InvalidDurationError('lock.wait', options.wait, 'at most a day');
  return {
    ttlMs,
    waitMs,
    renew: options.renew ?? true,
    signal: options.signal,
    fencing: options.fencing ?? true,
  };
}
