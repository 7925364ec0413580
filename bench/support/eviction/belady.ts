/**
 * Who knows the future (Belady 1966): keeps the keys that are wanted soonest, and refuses one that is wanted later than all that it holds. No
 * policy misses less.
 */
export class Belady {
  private readonly nextUse: Int32Array;
  /** By key, when it is wanted again. */
  private readonly held = new Map<number, number>();
  /** The farthest first, among them some that are no longer true. */
  private readonly farthest = new FarthestFirst();
  private at = 0;

  constructor(
    keys: Int32Array,
    private readonly capacity: number,
  ) {
    this.nextUse = new Int32Array(keys.length);
    const seenAt = new Map<number, number>();
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index] as number;
      this.nextUse[index] = seenAt.get(key) ?? keys.length;
      seenAt.set(key, index);
    }
  }

  /** Looks up the key that comes next. */
  hits(key: number): boolean {
    const next = this.nextUse[this.at++] as number;
    const isHit = this.held.has(key);
    this.held.set(key, next);
    this.farthest.push(next, key);
    while (this.held.size > this.capacity) this.evict();
    return isHit;
  }

  private evict(): void {
    const [use, key] = this.farthest.pop();
    if (this.held.get(key) === use) this.held.delete(key);
  }
}

/** A binary heap. */
class FarthestFirst {
  private readonly uses: number[] = [];
  private readonly keys: number[] = [];

  push(use: number, key: number): void {
    let at = this.uses.push(use) - 1;
    this.keys.push(key);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((this.uses[above] as number) >= use) break;
      this.swap(at, above);
      at = above;
    }
  }

  pop(): [use: number, key: number] {
    const last = this.uses.length - 1;
    this.swap(0, last);
    const popped: [number, number] = [this.uses.pop() as number, this.keys.pop() as number];
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      if (left >= last) return popped;
      const right = left + 1;
      const larger = right < last && (this.uses[right] as number) > (this.uses[left] as number) ? right : left;
      if ((this.uses[at] as number) >= (this.uses[larger] as number)) return popped;
      this.swap(at, larger);
      at = larger;
    }
  }

  private swap(one: number, other: number): void {
    const [use, key] = [this.uses[one] as number, this.keys[one] as number];
    this.uses[one] = this.uses[other] as number;
    this.keys[one] = this.keys[other] as number;
    this.uses[other] = use;
    this.keys[other] = key;
  }
}
