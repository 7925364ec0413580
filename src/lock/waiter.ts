import type { Clock } from '../value/clock.js';
import type { Refusal } from './attempt.js';

/** One who waits in a line, asleep most of the time. */
export class Waiter {
  /** What somebody else learned that settles this one's wait too. */
  answer: Refusal | undefined = undefined;
  private nap: AbortController | undefined = undefined;
  private roused = false;

  constructor(private readonly clock: Clock) {}

  /** Ends the present nap, or the next one at once. */
  rouse(): void {
    this.roused = true;
    this.nap?.abort();
  }

  async sleep(ms: number): Promise<void> {
    if (!this.roused) {
      this.nap = new AbortController();
      await this.clock.sleep(ms, this.nap.signal);
      this.nap = undefined;
    }
    this.roused = false;
  }
}
