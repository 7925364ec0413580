import { randomUUID } from 'node:crypto';
import { lastingCopy } from '../value/lasting-copy.js';
import type { FeedGap, FeedReading, Mark } from './feed.js';

/** Records that are kept for readers that come late. */
const keptBytes = 8 * 2 ** 20;

/** The feed of a shard in memory: a list of records of which the oldest are forgotten. */
export class MemoryFeed {
  private readonly id: string = randomUUID();
  private records: Buffer[] = [];
  private bytes = 0;
  /** How many records were forgotten. */
  private forgotten = 0;

  append(record: Uint8Array): void {
    this.records.push(lastingCopy(record));
    this.bytes += record.length;
    if (this.bytes > keptBytes) this.forgetHalf();
  }

  read(since: Mark | undefined, maxBehindBytes: number): Pick<FeedReading, 'mark' | 'records' | 'gap'> {
    const offset = this.forgotten + this.records.length;
    const mark = { id: this.id, number: 0, offset };
    if (!since) return { mark, records: [], gap: undefined };
    const gap = (reason: FeedGap): Pick<FeedReading, 'mark' | 'records' | 'gap'> => ({
      mark,
      records: [],
      gap: reason,
    });
    if (since.id !== this.id || since.offset > offset) return gap('the feed was lost');
    if (since.offset < this.forgotten) return gap('records were forgotten');
    const records = this.records.slice(since.offset - this.forgotten);
    const behindBytes = records.reduce((sum, { length }) => sum + length, 0);
    return behindBytes > maxBehindBytes ? gap('too far behind') : { mark, records, gap: undefined };
  }

  private forgetHalf(): void {
    const half = this.records.length >> 1;
    for (const { length } of this.records.slice(0, half)) this.bytes -= length;
    this.records = this.records.slice(half);
    this.forgotten += half;
  }
}
