import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** Sleeps by the timers of a clock: for clocks that are moved by hand, whose sleepers keep no process alive. Resolves at once when the signal aborts. */
export function sleepBy(clock: Pick<Clock, 'after'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      stopListening?.();
      resolve();
    };
    const timer = clock.after(delayMs, finish);
    const stopListening = signal && onAbort(signal, finish);
  });
}
