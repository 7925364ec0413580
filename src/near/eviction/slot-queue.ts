import type { Slots } from './slots.js';

/** A queue of slots, oldest first. All its operations take the same time, however long it is. */
export class SlotQueue {
  /** The oldest slot; 0 if there is none. */
  head = 0;
  length = 0;
  bytes = 0;
  private tail = 0;

  constructor(private readonly slots: Slots) {}

  push(slot: number): void {
    const { next, previous, bytes } = this.slots;
    next[slot] = 0;
    previous[slot] = this.tail;
    if (this.tail === 0) this.head = slot;
    else next[this.tail] = slot;
    this.tail = slot;
    this.length++;
    this.bytes += bytes[slot] as number;
  }

  remove(slot: number): void {
    const { next, previous, bytes } = this.slots;
    const before = previous[slot] as number;
    const after = next[slot] as number;
    if (before === 0) this.head = after;
    else next[before] = after;
    if (after === 0) this.tail = before;
    else previous[after] = before;
    this.length--;
    this.bytes -= bytes[slot] as number;
  }

  /** The oldest becomes the newest. */
  rotate(): void {
    const slot = this.head;
    if (slot === this.tail) return;
    const { next, previous } = this.slots;
    const second = next[slot] as number;
    previous[second] = 0;
    this.head = second;
    next[slot] = 0;
    previous[slot] = this.tail;
    next[this.tail] = slot;
    this.tail = slot;
  }
}
