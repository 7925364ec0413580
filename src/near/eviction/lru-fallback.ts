/** LRU must be ahead by a tenth of the capacity, and by this at least. */
const leastLead = 32;
/** In capacities of evictions. */
const shortestStay = 4;
const longestStay = 64;
/** Being ahead of LRU counts no further than this many capacities, so that a change for the worse is noticed. */
const mostAhead = 2;

/**
 * Bounds what the policy can lose against LRU. It counts the misses that LRU would have hit, less the hits that LRU would have missed. When the
 * count passes a tenth of the capacity, the map evicts as LRU for a while, then tries again. Each relapse doubles the while.
 */
export class LruFallback {
  /** Whether the map evicts as LRU now. */
  active = false;
  private lead = 0;
  private evictionsLeft = 0;
  private stay = shortestStay;

  /** A hit that LRU of the same capacity would have missed. */
  countGain(capacity: number): void {
    if (this.active) return;
    const floor = -mostAhead * capacity;
    if (this.lead - 1 > floor) {
      this.lead--;
      return;
    }
    this.lead = floor;
    this.stay = shortestStay;
  }

  /** A miss that LRU of the same capacity would have hit. */
  countLoss(capacity: number): void {
    if (this.active || ++this.lead <= Math.max(leastLead, capacity / 10)) return;
    this.active = true;
    this.evictionsLeft = this.stay * capacity;
    this.stay = Math.min(longestStay, 2 * this.stay);
  }

  countEviction(): void {
    if (!this.active || --this.evictionsLeft > 0) return;
    this.active = false;
    this.lead = 0;
  }
}
