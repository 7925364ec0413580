import { onAbort } from './on-abort.js';

/** Something that was scheduled and can be called off. */
export interface Timer {
  cancel(): void;
  /** From now on it keeps the process alive, or does not. Absent where time is not the machine's. */
  keepAlive?(keeps: boolean): void;
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

/** What was told last, and what a clock that went back meanwhile is put forward by. */
let toldMs = 0;
let forwardMs = 0;

/**
 * The machine's time. The global functions are looked up at each call, so that who replaces them (Jest's and Vitest's fake timers, `setSystemTime`)
 * moves this clock too; what they were replaced by may begin at 0, and `monotonic` goes on from where it was.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic() {
    const readMs = performance.now() + forwardMs;
    if (readMs >= toldMs) return (toldMs = readMs);
    forwardMs += toldMs - readMs;
    return toldMs;
  },
  after(delayMs, callback) {
    const timeout = setTimeout(callback, Math.min(delayMs, maxTimerMs));
    timeout.unref?.(); // a browser's timers, which jsdom has, are numbers
    return {
      cancel: () => clearTimeout(timeout),
      keepAlive: (keeps) => void (keeps ? timeout.ref?.() : timeout.unref?.()),
    };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timeout);
        stopListening?.();
        resolve();
      };
      const timeout = setTimeout(finish, Math.min(delayMs, maxTimerMs));
      const stopListening = signal && onAbort(signal, finish);
    });
  },
};
