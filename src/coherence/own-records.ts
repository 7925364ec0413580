import { randomBytes } from 'node:crypto';
import type { FeedRecord } from './feed-record.js';

/**
 * The records of one cache. One of them may be skipped when it is read back only if its write was answered, and its names were dropped here:
 *
 * 1. `set(k)` is sent; 2. its record stands in the feed; 3. the answer is lost. What the store holds is unknown, so the record is applied like any other.
 */
export class OwnRecords {
  readonly writer = randomBytes(9).toString('base64url');
  private last = 0;
  private readonly unanswered = new Set<number>();

  /** The number of a record that is about to be sent. */
  begin(): number {
    this.unanswered.add(++this.last);
    return this.last;
  }

  answered(number: number): void {
    this.unanswered.delete(number);
  }

  isAnswered({ writer, number }: FeedRecord): boolean {
    return writer === this.writer && !this.unanswered.has(number);
  }
}
