import { epochCircle } from './use-word.js';

/** Epochs whose keys are counted. */
const counted = 2 ** 8;
/** Epochs in which as many distinct keys are used as the map holds: the resolution of every distance here. */
const epochsPerCapacity = 8;

/**
 * How many other keys were used since a key was: the distance by which LRU decides, without a list that each use would have to change.
 *
 * Time is cut in epochs. A new one begins when an eighth of the capacity, in distinct keys, was used in the present one. For each of the last
 * 256 epochs the keys whose last use was in it are counted; the sum from one epoch to the present one is the distance.
 */
export class Epochs {
  /** The present epoch, on the circle. */
  current = 1;
  private readonly lastUsed = new Int32Array(counted);
  /** Keys of the last `reach + 1` epochs. */
  private withinReach = 0;
  /** The oldest epoch that LRU of the same capacity would still hold, as an age. */
  private reach = 0;
  private keysPerEpoch = 1;

  constructor(private capacity: number) {
    this.resize(capacity);
  }

  /** @param capacity how many keys LRU would hold. */
  resize(capacity: number): void {
    this.capacity = capacity;
    this.keysPerEpoch = Math.max(1, Math.floor(capacity / epochsPerCapacity));
  }

  /** How many epochs ago. */
  age(epoch: number): number {
    return (this.current - epoch) & (epochCircle - 1);
  }

  /** Whether LRU would still hold a key that was last used so many epochs ago. */
  isWithinReach(age: number): boolean {
    return age <= this.reach;
  }

  /** A key is used again, or is gone for good: its last use does not count any more. */
  leave(age: number): void {
    if (age <= this.reach) this.withinReach--;
    if (age < counted) this.count(age, -1);
  }

  /**
   * A key is used now, and was not yet in this epoch.
   * @returns whether a new epoch begins with the next use.
   */
  enter(): boolean {
    this.withinReach++;
    while (this.reach > 0 && this.withinReach - this.countOf(this.reach) >= this.capacity) this.shorten();
    if (this.count(0, 1) < this.keysPerEpoch) return false;
    this.begin();
    return true;
  }

  private begin(): void {
    if (this.reach === counted - 1) this.shorten();
    this.reach++;
    this.current = (this.current + 1) & (epochCircle - 1);
    this.lastUsed[this.current & (counted - 1)] = 0;
  }

  private shorten(): void {
    this.withinReach -= this.countOf(this.reach);
    this.reach--;
  }

  private countOf(age: number): number {
    return this.lastUsed[(this.current - age) & (counted - 1)] as number;
  }

  private count(age: number, by: number): number {
    const place = (this.current - age) & (counted - 1);
    return (this.lastUsed[place] = (this.lastUsed[place] as number) + by);
  }
}
