/** Set where a name was marked. */
const marked = 1;

/** Names by 63 bits each, in sixteen bytes or so. Two names may be taken for one, once in ten million sets of a million names. */
export class NameSet {
  private slots = new Uint32Array(2 * 1_024);
  private count = 0;
  /** Of the name that was asked for last. */
  private one = 0;
  private other = 0;

  get size(): number {
    return this.count;
  }

  has(name: Buffer): boolean {
    return this.slots[this.placeOf(name)] !== 0;
  }

  /** @returns whether it was not there yet. */
  add(name: Buffer): boolean {
    const place = this.placeOf(name);
    if (this.slots[place] !== 0) return false;
    this.put(place, this.one, this.other);
    this.count++;
    if (this.count * 3 > this.slots.length) this.grow();
    return true;
  }

  /** Marks a name that is there. @returns whether it was not marked yet. */
  mark(name: Buffer): boolean {
    const place = this.placeOf(name);
    const bits = this.slots[place + 1] as number;
    this.slots[place + 1] = bits | marked;
    return (bits & marked) === 0;
  }

  private placeOf(name: Buffer): number {
    this.hash(name);
    return this.find(this.one, this.other);
  }

  /** Where these bits stand, or could. */
  private find(one: number, other: number): number {
    const { slots } = this;
    const last = slots.length - 1;
    for (let place = other & last & ~1; ; place = (place + 2) & last) {
      const found = slots[place] as number;
      if (found === 0 || (found === one && ((slots[place + 1] as number) | marked) >>> 0 === (other | marked) >>> 0)) {
        return place;
      }
    }
  }

  private put(place: number, one: number, other: number): void {
    this.slots[place] = one;
    this.slots[place + 1] = other;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    for (let index = 0; index < old.length; index += 2) {
      const [one, other] = [old[index] as number, old[index + 1] as number];
      if (one !== 0) this.put(this.find(one, other), one, other);
    }
  }

  /** Two hashes that differ in their beginning and their multipliers, four bytes at a time; the first is never 0, which means an empty place. */
  private hash(name: Buffer): void {
    const { length } = name;
    let one = 0x811c9dc5 ^ length;
    let other = 0x9e3779b9 ^ length;
    for (let index = 0; index < length; index += 4) {
      // What is beyond the end counts as 0: the length is in it already.
      const word =
        (name[index] as number) |
        ((name[index + 1] as number) << 8) |
        ((name[index + 2] as number) << 16) |
        ((name[index + 3] as number) << 24);
      one = Math.imul(one ^ word, 0x2c1b3c6d);
      one ^= one >>> 15;
      other = Math.imul(other ^ word, 0x85ebca6b);
      other ^= other >>> 13;
    }
    one = Math.imul(one, 0x297a2d39);
    other = Math.imul(other, 0xc2b2ae35);
    this.one = (one ^ (one >>> 16)) >>> 0 || 1;
    this.other = ((other ^ (other >>> 16)) & ~marked) >>> 0;
  }
}
