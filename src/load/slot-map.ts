import { lastingText } from '../value/lasting-text.js';

/** Emptied slots that are kept, at least. */
const keptSlots = 1_000;

/**
 * A map for what comes and goes within milliseconds. What leaves empties its slot, and the slots are dropped many at a time: deleting one by
 * one makes a `Map` build itself anew every few entries, and each table that it leaves behind keeps what was in it alive until a full
 * collection. For 64 look-ups of the store at a time that was a fifth of all processor time.
 */
export class SlotMap<V> {
  private slots = new Map<string, V | undefined>();
  private taken = 0;

  get size(): number {
    return this.taken;
  }

  get(slot: string): V | undefined {
    return this.slots.get(slot);
  }

  set(slot: string, value: V): void {
    if (this.slots.get(slot) === undefined) this.taken++;
    this.slots.set(this.slots.has(slot) ? slot : lastingText(slot), value);
  }

  /** Empties the slot, if this value is still the one in it. */
  leave(slot: string, value: V): void {
    if (this.slots.get(slot) !== value) return;
    this.slots.set(slot, undefined);
    this.taken--;
    if (this.slots.size > keptSlots + 2 * this.taken) this.dropEmpty();
  }

  private dropEmpty(): void {
    const taken = new Map<string, V | undefined>();
    for (const [slot, value] of this.slots) if (value !== undefined) taken.set(slot, value);
    this.slots = taken;
  }
}
