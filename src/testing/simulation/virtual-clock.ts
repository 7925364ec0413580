import type { Clock, Timer } from '../../value/clock.js';
import { sleepBy } from '../../value/sleep-by.js';

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * The time of a simulated world. It stands still until it is told to go on, and nothing happens by itself: also what is due after no time at all
 * waits until the time goes on. Each process of the world has a {@link HostClock} of its own that follows this one.
 */
export class VirtualClock implements Clock {
  private time: number;
  private order = 0;
  private readonly scheduled = new Set<Scheduled>();

  /** @param epochMs where the wall clock begins. Default: an instant of November 2023. */
  constructor(epochMs = 1_700_000_000_000) {
    this.time = epochMs;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: Scheduled = { at: this.time + delayMs, order: this.order++, run };
    this.scheduled.add(timer);
    return { cancel: () => void this.scheduled.delete(timer) };
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await sleepBy(this, delayMs, signal);
  }

  /** Time goes by and nothing runs, as in a process whose loop is blocked. */
  skip(milliseconds: number): void {
    this.time += milliseconds;
  }

  /** Goes on to `until`, running what falls due on the way, in order; `settle` after each lets its consequences happen. */
  async advanceTo(until: number, settle: () => Promise<void>): Promise<void> {
    for (let due = this.firstUntil(until); due; due = this.firstUntil(until)) {
      this.scheduled.delete(due);
      this.time = Math.max(this.time, due.at);
      due.run();
      await settle();
    }
    this.time = until;
  }

  private firstUntil(until: number): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const timer of this.scheduled) {
      if (timer.at > until) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  }
}
