import { systemRandom } from '../value/chance.js';

/** The first pause between two looks, before it is shortened by chance. */
const firstMs = 20;
const longestMs = 250;
const growth = 1.5;

/**
 * How long to pause between two looks at a lock that is held: from 20 ms growing to 250 ms, each shortened by a random share of up to a
 * half, so that those who wait spread out. The budget that follows: in `waitMs` one line of waiters looks at most `7 + waitMs / 125` times.
 */
export class PollPace {
  private nextMs = firstMs;

  constructor(private readonly random: () => number = systemRandom) {}

  pauseMs(): number {
    const pauseMs = this.nextMs * (1 - this.random() / 2);
    this.nextMs = Math.min(this.nextMs * growth, longestMs);
    return pauseMs;
  }
}
