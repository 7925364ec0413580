import type { Clock, Timer } from '../../../src/value/clock.js';

/** The clock of one host: time goes by as for all the others, and its wall clock is set to another time now and then. */
export class SteppingClock implements Clock {
  private offsetMs = 0;

  constructor(private readonly shared: Clock) {}

  now(): number {
    return this.shared.now() + this.offsetMs;
  }

  monotonic(): number {
    return this.shared.monotonic();
  }

  after(delayMs: number, run: () => void): Timer {
    return this.shared.after(delayMs, run);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.shared.sleep(delayMs, signal);
  }

  stepBy(milliseconds: number): void {
    this.offsetMs += milliseconds;
  }
}
