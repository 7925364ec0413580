import type { Clock, Timer } from '../../value/clock.js';
import { sleepBy } from '../../value/sleep-by.js';

/** Runs what fell due, or keeps it until the process goes on, or drops it with the process. */
export type Wake = (run: () => void) => void;

/**
 * The clock of one process: time goes by as for all the others, and its wall clock is off by so much, and is set to another time now and then.
 */
export class HostClock implements Clock {
  private offsetMs = 0;

  /** @param wake what happens when something falls due. Default: it runs. */
  constructor(
    private readonly shared: Clock,
    private readonly wake: Wake = (run) => run(),
  ) {}

  now(): number {
    return this.shared.now() + this.offsetMs;
  }

  monotonic(): number {
    return this.shared.monotonic();
  }

  after(delayMs: number, run: () => void): Timer {
    let isCancelled = false;
    const timer = this.shared.after(delayMs, () => this.wake(() => void (isCancelled || run())));
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await sleepBy(this, delayMs, signal);
  }

  /** Sets the wall clock forward by so much, or back where it is negative. Timers and the monotonic clock go on as before. */
  stepBy(milliseconds: number): void {
    this.offsetMs += milliseconds;
  }
}
