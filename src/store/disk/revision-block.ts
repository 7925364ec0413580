import { blockKey } from './disk-key.js';
import { sealRecord } from './disk-record.js';
import type { Environment } from './environment.js';

const blockSize = 2 ** 16;
const atNoTime = { nowMs: 0, hostMs: 0, boot: 0 };

/**
 * Numbers that are given out once in the life of a database, by whichever process: each takes a block of them at a time, by moving a
 * counter in the database. 2^53 / 2^16 blocks: a thousand processes that start each second use them up in 4,000 years.
 */
export class RevisionBlock {
  private at = 0;
  private end = 0;

  has(count: number): boolean {
    return this.end - this.at >= count;
  }

  next(): number {
    if (this.at >= this.end) throw new RangeError('The block of revisions is used up.');
    return this.at++;
  }

  /** What is left of the old block is never used. */
  async renew(environment: Environment): Promise<void> {
    const block = await environment.transaction(() => {
      const record = environment.getBinaryFast(blockKey);
      // The record's revision is the counter.
      const taken = record ? record.readDoubleLE(16) + 1 : 1;
      const bytes = Buffer.alloc(0);
      const counter = sealRecord({ bytes, kind: 1, revision: taken, expiresAt: Infinity }, atNoTime);
      void environment.put(blockKey, counter, taken);
      return taken;
    });
    this.at = block * blockSize;
    this.end = this.at + blockSize;
  }
}
