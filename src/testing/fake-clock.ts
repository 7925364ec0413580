import { milliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import type { Clock, Timer } from '../value/clock.js';
import { sleepBy } from '../value/sleep-by.js';
import { setImmediate } from '../value/turn.js';

interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to move; what is to happen after no time at all happens soon. Give it to a cache, a store and the locks alike, since lives written by one clock are
 * read by another.
 *
 * @example
 * const clock = new FakeClock();
 * const cache = new TieredCache({ name: 'test', namespace: 'test', packageVersion: '1', store: memoryStore({ clock }), clock });
 * await clock.advance('5m');
 */
export class FakeClock implements Clock {
  private elapsedMs = 0;
  private readonly alarms = new Set<Alarm>();

  /** @param epochMs the wall clock's start. Default 2026-01-01 00:00 UTC. */
  constructor(private epochMs = Date.UTC(2026, 0, 1)) {}

  readonly now = (): number => this.epochMs + this.elapsedMs;
  readonly monotonic = (): number => this.elapsedMs;

  after(delayMs: number, callback: () => void): Timer {
    const alarm = { at: this.elapsedMs + Math.max(0, delayMs), callback };
    this.alarms.add(alarm);
    if (delayMs <= 0) setImmediate(() => this.alarms.delete(alarm) && callback());
    return { cancel: () => void this.alarms.delete(alarm) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, delayMs, signal);
  }

  /** What waits for the clock: timers and sleepers. */
  get waiting(): number {
    return this.alarms.size;
  }

  /** Moves both clocks on. What falls due on the way runs at its own instant, in order, and what it sets off settles before the next. */
  async advance(duration: Duration): Promise<void> {
    const until = this.elapsedMs + milliseconds(duration, 'advance');
    await settled();
    for (let due = this.next(until); due; due = this.next(until)) {
      this.alarms.delete(due);
      this.elapsedMs = Math.max(this.elapsedMs, due.at);
      due.callback();
      await settled();
    }
    this.elapsedMs = until;
    await settled();
  }

  /** Sets the wall clock off by so much, as an administrator does; the monotonic clock and all timers go on as before. */
  jump(milliseconds: number): void {
    this.epochMs += milliseconds;
  }

  private next(until: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.alarms) if (alarm.at <= until && (!first || alarm.at < first.at)) first = alarm;
    return first;
  }
}

/** Promises that are ready to go on have gone on. Stores in memory need no more than this. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
