import type { Epochs } from './epochs.js';
import type { Shares } from './shares.js';
import type { SlotQueue } from './slot-queue.js';
import type { Slots } from './slots.js';
import { creditBits, creditOf, epochOf, inMain, maxCredit } from './use-word.js';

/** Steps of a hand in one eviction. What it has reached by then goes. */
const maxSteps = 64;

/** Finds what goes: two queues, oldest first, in which entries that were used get another round. */
export class ClockHands {
  constructor(
    private readonly slots: Slots,
    private readonly small: SlotQueue,
    private readonly main: SlotQueue,
    private readonly shares: Shares,
    private readonly epochs: Epochs,
  ) {}

  /** The one that is least likely to be used again. */
  leastWorth(): number {
    const { small, main, shares } = this;
    if (main.length === 0 || shares.isSmallFull(small)) {
      for (let steps = 0; small.length > 0; steps++) {
        if (steps === maxSteps || !this.isCredited(small.head)) return small.head;
        this.promote();
        if (shares.isMainOver(main)) break;
      }
    }
    return this.nextOfMain(1);
  }

  /** The least recently used of the two queues' next, to an eighth of the capacity. */
  leastRecent(): number {
    const { small, main } = this;
    for (let steps = 0; steps < maxSteps && small.length > 0 && this.isCredited(small.head); steps++) this.promote();
    if (main.length === 0) return small.head;
    const next = this.nextOfMain(maxCredit);
    return small.length > 0 && this.ageOf(next) <= this.ageOf(small.head) ? small.head : next;
  }

  /**
   * The oldest of the main queue that has no credit; the queue must have one. Those that have credit lose some and go round again.
   * @param price of a round, in credit; at most what there is.
   */
  nextOfMain(price: number): number {
    const { main } = this;
    const { uses } = this.slots;
    for (let steps = 0; steps < maxSteps; steps++) {
      const use = uses[main.head] as number;
      const credit = creditOf(use);
      if (credit === 0) break;
      uses[main.head] = use - Math.min(credit, price);
      main.rotate();
    }
    return main.head;
  }

  /** The small queue's head was used: it goes on to the main queue. Its credit is spent. */
  private promote(): void {
    const { uses } = this.slots;
    const slot = this.small.head;
    this.small.remove(slot);
    uses[slot] = ((uses[slot] as number) & ~creditBits) | inMain;
    this.main.push(slot);
  }

  private isCredited(slot: number): boolean {
    return creditOf(this.slots.uses[slot] as number) > 0;
  }

  private ageOf(slot: number): number {
    return this.epochs.age(epochOf(this.slots.uses[slot] as number));
  }
}
