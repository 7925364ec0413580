import { performance } from 'node:perf_hooks';

/** Something that was scheduled and can be called off. */
export interface Timer {
  cancel(): void;
}

/**
 * Where time comes from. Everything that waits or dates an entry asks a clock, so that tests can hold time still.
 *
 * `now` is wall-clock milliseconds since 1970 and may jump; `monotonic` is milliseconds since an arbitrary start and never
 * goes back. Lives of entries are wall-clock (other hosts read them), rights such as leases are monotonic.
 */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Runs `callback` once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Resolves after `delayMs`, or as soon as `signal` aborts; never rejects. Keeps the process alive: somebody waits. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** A longer timer fires at once (Node: TimeoutOverflowWarning). Whoever waits 24 days is not waiting for this. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timeout = setTimeout(callback, Math.min(delayMs, maxTimerMs));
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timeout);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timeout = setTimeout(finish, Math.min(delayMs, maxTimerMs));
      signal?.addEventListener('abort', finish, { once: true });
    });
  },
};
