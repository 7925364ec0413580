import type { ItemView } from '../store.js';
import type { DiskKey } from './disk-key.js';
import { ageOf, isLive, recordHeadBytes } from './disk-record.js';
import type { DiskInstant } from './disk-record.js';
import type { Environment } from './environment.js';

/** Older snapshots are given back before the next read. */
const longestMs = 1;

/** An item that lies in the buffer that lmdb reads into. */
interface Seen extends ItemView {
  of: Buffer | undefined;
  bytes: Buffer;
  end: number;
  ageMs: number | undefined;
}

/** Reads of one turn of the loop, which share a snapshot for up to a millisecond (docs/decisions/disk-snapshots.md). */
export class TurnSnapshot {
  private readonly seen: Seen = {
    of: undefined,
    bytes: Buffer.alloc(0),
    start: recordHeadBytes,
    end: 0,
    ageMs: undefined,
  };
  /** On the host's monotonic clock; 0: there is none. */
  private takenAt = 0;
  private closed = false;

  constructor(private readonly environment: Environment) {}

  /** Where the item lies in lmdb's own buffer: the next call overwrites it. Throws what lmdb throws. */
  find(key: DiskKey, now: DiskInstant): ItemView | undefined {
    if (now.hostMs - this.takenAt >= longestMs) this.end();
    if (this.takenAt === 0) {
      this.takenAt = now.hostMs;
      process.nextTick(this.end);
    }
    const record = this.environment.getBinaryFast(key);
    if (record === undefined) return undefined;
    const { seen } = this;
    if (seen.of !== record) {
      seen.of = record;
      // lmdb gives its buffer a length that it changes, which makes each access slow.
      const { maxLength = record.length } = record as { readonly maxLength?: number };
      seen.bytes = Buffer.from(record.buffer, record.byteOffset, maxLength);
    }
    if (!isLive(seen.bytes, now)) return undefined;
    seen.end = this.environment.lastSize;
    seen.ageMs = ageOf(seen.bytes, now);
    return seen;
  }

  /** The next read sees what was written since. */
  readonly end = (): void => {
    if (this.takenAt === 0) return;
    this.takenAt = 0;
    if (!this.closed) this.environment.resetReadTxn();
  };

  /** The environment is about to be closed, and must not be touched any more. */
  close(): void {
    this.end();
    this.closed = true;
  }
}
