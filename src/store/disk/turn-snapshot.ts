import { nextTick } from '../../value/turn.js';
import type { ItemView } from '../store.js';
import type { DiskKey } from './disk-key.js';
import { ageOf, headView, isLive, itemStart, recordHeadBytes } from './disk-record.js';
import type { DiskInstant } from './disk-record.js';
import type { Environment } from './environment.js';

/** Older snapshots are given back before the next read. */
const longestMs = 1;

/** An item that lies in the buffer that lmdb reads into. */
interface Seen extends ItemView {
  of: Buffer | undefined;
  bytes: Buffer;
  head: DataView;
  start: number;
  end: number;
  ageMs: number | undefined;
}

/** Reads of one turn of the loop, which share a snapshot for up to a millisecond (docs/decisions/disk-snapshots.md). */
export class TurnSnapshot {
  private readonly seen: Seen = {
    of: undefined,
    bytes: Buffer.alloc(0),
    head: new DataView(new ArrayBuffer(0)),
    start: recordHeadBytes,
    end: 0,
    ageMs: undefined,
  };
  /** What its items are judged by. Undefined: there is no snapshot. */
  private takenAt: DiskInstant | undefined = undefined;
  private closed = false;

  constructor(
    private readonly environment: Environment,
    private readonly instant: () => DiskInstant,
  ) {}

  /**
   * Where the item lies in lmdb's own buffer: the next call overwrites it. Throws what lmdb throws.
   * @param hostMs now, on the host's monotonic clock.
   */
  find(key: DiskKey, hostMs: number): ItemView | undefined {
    if (this.takenAt !== undefined && hostMs - this.takenAt.hostMs >= longestMs) this.end();
    const now = (this.takenAt ??= this.begin());
    const record = this.environment.getBinaryFast(key);
    if (record === undefined) return undefined;
    const { seen } = this;
    if (seen.of !== record) {
      seen.of = record;
      // lmdb gives its buffer a length that it changes, which makes each access slow.
      const { maxLength = record.length } = record as { readonly maxLength?: number };
      seen.bytes = Buffer.from(record.buffer, record.byteOffset, maxLength);
      seen.head = headView(seen.bytes);
    }
    if (!isLive(seen.head, now)) return undefined;
    seen.start = itemStart(seen.bytes);
    seen.end = this.environment.lastSize;
    seen.ageMs = ageOf(seen.head, now);
    return seen;
  }

  private begin(): DiskInstant {
    nextTick(this.end);
    return this.instant();
  }

  /** The next read sees what was written since. */
  readonly end = (): void => {
    if (this.takenAt === undefined) return;
    this.takenAt = undefined;
    if (!this.closed) this.environment.resetReadTxn();
  };

  /** The environment is about to be closed, and must not be touched any more. */
  close(): void {
    this.end();
    this.closed = true;
  }
}
