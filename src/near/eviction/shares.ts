import type { SlotQueue } from './slot-queue.js';

const initialSmallShare = 0.03;
const leastSmallShare = 0.01;
const mostSmallShare = 0.3;

/** How the room is divided: a small queue for keys that are new, the main queue for those that have shown their worth. */
export class Shares {
  /** Of entries held, or of bytes if bytes are what is short. */
  private small = initialSmallShare;
  private byBytes = false;

  constructor(
    private capacity: number,
    private readonly maxBytes: number,
  ) {}

  resize(capacity: number): void {
    this.capacity = capacity;
  }

  /** @param byBytes whether bytes are what is short now, and not entries. */
  measure(byBytes: boolean): void {
    this.byBytes = byBytes;
  }

  /** @param entries may be negative, and less than one. */
  growSmall(entries: number): void {
    const grown = this.small + entries / this.capacity;
    this.small = Math.min(mostSmallShare, Math.max(leastSmallShare, grown));
  }

  isSmallFull(small: SlotQueue): boolean {
    if (small.length === 0) return false;
    return this.byBytes ? small.bytes >= this.small * this.maxBytes : small.length >= this.smallEntries;
  }

  hasMainRoom(main: SlotQueue): boolean {
    return this.byBytes ? main.bytes < (1 - this.small) * this.maxBytes : main.length < this.mainEntries;
  }

  isMainOver(main: SlotQueue): boolean {
    return this.byBytes ? main.bytes > (1 - this.small) * this.maxBytes : main.length > this.mainEntries;
  }

  private get smallEntries(): number {
    return Math.max(1, this.small * this.capacity);
  }

  private get mainEntries(): number {
    return this.capacity - this.smallEntries;
  }
}
