import { ClockHands } from './clock-hands.js';
import { Epochs } from './epochs.js';
import { Ghosts } from './ghosts.js';
import { keyHash } from './key-hash.js';
import { LruFallback } from './lru-fallback.js';
import { Shares } from './shares.js';
import { SlotQueue } from './slot-queue.js';
import { Slots } from './slots.js';
import { creditBits, creditOf, epochCircle, epochOf, epochShift, inMain, maxCredit } from './use-word.js';

/** Each slot is looked at once in so many epochs, so that no epoch comes round the circle unseen. */
const agingPeriod = epochCircle / 4;
const oldestAge = epochCircle / 2;

/**
 * What an adaptive map learns of the uses of its keys, and what it decides by that: two CLOCK queues, ghosts of what went, distances of reuse as
 * LRU counts them, and LRU itself as the fallback. docs/decisions/adaptive-eviction.md has it in words, with its evidence.
 */
export class AdaptivePolicy {
  readonly slots: Slots;
  /** Another hit changes nothing if the use word, cut to `hotBits`, is `hottest`. */
  hotBits = creditBits;
  hottest = maxCredit;
  private readonly small: SlotQueue;
  private readonly main: SlotQueue;
  private readonly epochs: Epochs;
  private readonly ghosts: Ghosts;
  private readonly shares: Shares;
  private readonly hands: ClockHands;
  private readonly fallback = new LruFallback();
  /** Entries held when the bound was last reached; before that, most entries. */
  private capacity: number;
  /** Nothing was evicted yet. */
  private isCold = true;
  private agedSlot = 0;

  constructor(
    maxEntries: number,
    maxBytes: number,
    private readonly seed: number,
  ) {
    this.capacity = maxEntries;
    this.slots = new Slots(maxEntries);
    this.small = new SlotQueue(this.slots);
    this.main = new SlotQueue(this.slots);
    this.epochs = new Epochs(maxEntries);
    this.ghosts = new Ghosts(maxEntries);
    this.shares = new Shares(maxEntries, maxBytes);
    this.hands = new ClockHands(this.slots, this.small, this.main, this.shares, this.epochs);
  }

  get entries(): number {
    return this.small.length + this.main.length;
  }

  get bytes(): number {
    return this.small.bytes + this.main.bytes;
  }

  /**
   * An entry is used again. While nothing was evicted that only counts as credit: a map that is large enough pays for nothing else.
   */
  use(slot: number): void {
    const { epochs } = this;
    const { uses } = this.slots;
    const use = uses[slot] as number;
    const credit = Math.min(maxCredit, creditOf(use) + 1);
    const age = epochs.age(epochOf(use));
    if (age === 0 || this.isCold) {
      uses[slot] = (use & ~creditBits) | credit;
      return;
    }
    if (!epochs.isWithinReach(age)) {
      if (use & inMain) this.shares.growSmall(-0.1);
      this.fallback.countGain(this.capacity);
    }
    epochs.leave(age);
    uses[slot] = (epochs.current << epochShift) | (use & inMain) | credit;
    this.countKey();
  }

  /**
   * Which queue a key that is not held enters. While nothing was evicted it is the main one, so that a loop that is longer than the map finds
   * its beginning there in the second round.
   */
  entersMain(key: string): boolean {
    if (this.isCold) return this.shares.hasMainRoom(this.main);
    const ghost = this.ghosts.recall(keyHash(key, this.seed));
    return ghost !== 0 && this.comesBack(ghost);
  }

  /** Keeps a key. There must be room for it. */
  enter(key: string, bytes: number, entersMain: boolean): number {
    const slot = this.slots.take(key, bytes);
    this.slots.uses[slot] = (this.epochs.current << epochShift) | (entersMain ? inMain : 0);
    this.queueOf(slot).push(slot);
    this.countKey();
    return slot;
  }

  /** Takes an entry out of its queue, or puts it back as the newest. In between it is not counted as held, and can't be a victim. */
  setAside(slot: number): void {
    this.queueOf(slot).remove(slot);
  }

  putBack(slot: number, bytes: number): void {
    this.slots.bytes[slot] = bytes;
    this.queueOf(slot).push(slot);
  }

  /** The entry is gone for other reasons than room. It must have been set aside. */
  forget(slot: number): void {
    this.epochs.leave(this.ageOf(slot));
    this.slots.release(slot);
  }

  /**
   * Which entry goes; it is forgotten, but for its ghost.
   * @param byBytes whether bytes are what is short, and not entries.
   */
  evict(byBytes: boolean): string {
    if (this.isCold) this.warmUp();
    if (this.entries !== this.capacity) this.resize(this.entries);
    this.shares.measure(byBytes);
    this.fallback.countEviction();
    const victim = this.fallback.active ? this.hands.leastRecent() : this.hands.leastWorth();
    const key = this.slots.keys[victim] as string;
    const use = this.slots.uses[victim] as number;
    this.ghosts.remember(keyHash(key, this.seed), (use & inMain) !== 0, epochOf(use));
    this.setAside(victim);
    this.slots.release(victim);
    return key;
  }

  /**
   * A key is set while its ghost is remembered. It enters the main queue if its last two uses were closer together than the main queue's next
   * victim is to its last one (the test of LIRS). So a loop or a scan that is longer than the map leaves the main queue alone.
   */
  private comesBack(ghost: number): boolean {
    const { epochs, ghosts, fallback, shares, main, capacity } = this;
    const age = ghosts.age(ghost, epochs.current);
    const evictions = ghosts.evictionsSince(ghost);
    const lruHits = epochs.isWithinReach(age);
    if (ghosts.wasInMain(ghost)) {
      if (evictions < capacity) shares.growSmall(-1);
    } else if (lruHits && evictions < capacity / 2) {
      shares.growSmall(1);
    }
    if (lruHits) fallback.countLoss(capacity);
    const entersMain =
      !fallback.active && (main.length === 0 || shares.hasMainRoom(main) || age < this.ageOf(this.hands.nextOfMain(1)));
    epochs.leave(age);
    return entersMain;
  }

  private warmUp(): void {
    this.isCold = false;
    this.resize(this.entries);
    this.hotBits = 0xffff & ~inMain;
    this.markHottest();
  }

  private resize(capacity: number): void {
    this.capacity = capacity;
    this.epochs.resize(capacity);
    this.ghosts.resize(capacity);
    this.shares.resize(capacity);
  }

  private countKey(): void {
    if (!this.epochs.enter()) return;
    if (!this.isCold) this.markHottest();
    this.ageSome();
  }

  private markHottest(): void {
    this.hottest = (this.epochs.current << epochShift) | maxCredit;
  }

  /** An age beyond half the circle is cut to that, long before it would look young again. Free slots are cut as well: nobody reads them. */
  private ageSome(): void {
    const { uses, used } = this.slots;
    const oldest = ((this.epochs.current - oldestAge) & (epochCircle - 1)) << epochShift;
    for (let left = Math.ceil(used / agingPeriod); left > 0; left--) {
      this.agedSlot = this.agedSlot >= used ? 1 : this.agedSlot + 1;
      if (this.ageOf(this.agedSlot) <= oldestAge) continue;
      uses[this.agedSlot] = oldest | ((uses[this.agedSlot] as number) & (inMain | creditBits));
    }
  }

  private ageOf(slot: number): number {
    return this.epochs.age(epochOf(this.slots.uses[slot] as number));
  }

  private queueOf(slot: number): SlotQueue {
    return (this.slots.uses[slot] as number) & inMain ? this.main : this.small;
  }
}
