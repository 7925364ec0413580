import { randomBytes } from 'node:crypto';
import type { FeedRecord } from './feed-record.js';

/** As many as can be under way are far fewer: others were never answered, as on a server that is full and is read on. */
const maxUnanswered = 10_000;

/**
 * The records of one cache. One of them may be skipped when it is read back only if its write was answered, and its names were dropped here:
 *
 * 1. `set(k)` is sent; 2. its record stands in the feed; 3. the answer is lost. What the store holds is unknown, so the record is applied like any other.
 */
export class OwnRecords {
  readonly writer = randomBytes(9).toString('base64url');
  private last = 0;
  /** In the order of their numbers. */
  private readonly unanswered = new Set<number>();
  /** Up to here nothing is known any more: such records are applied like any other. */
  private floor = 0;

  /** The number of a record that is about to be sent. */
  begin(): number {
    this.unanswered.add(++this.last);
    if (this.unanswered.size > maxUnanswered) this.forgetOldest();
    return this.last;
  }

  answered(number: number): void {
    this.unanswered.delete(number);
  }

  isAnswered({ writer, number }: FeedRecord): boolean {
    return writer === this.writer && number > this.floor && !this.unanswered.has(number);
  }

  private forgetOldest(): void {
    const [oldest = this.floor] = this.unanswered;
    this.unanswered.delete(oldest);
    this.floor = oldest;
  }
}
