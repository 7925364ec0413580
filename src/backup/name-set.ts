/** Set where a name was marked. */
const marked = 1;
/** Places for each name where a set is as full as it gets. */
const mostPlaces = 1.5;

/** Names by 63 bits each, in sixteen bytes or so. Two names may be taken for one, once in ten million sets of a million names. */
export class NameSet {
  private slots: Uint32Array;
  private count = 0;
  /** Of the name that was asked for last. */
  private one = 0;
  private other = 0;

  /** @param expected how many names there may be. It grows where there are more. */
  constructor(expected = 0) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(1_024, expected * mostPlaces)));
    this.slots = new Uint32Array(2 * places);
  }

  get size(): number {
    return this.count;
  }

  /** @param bytes hold the name from `start` to `end`. */
  has(bytes: Buffer, start = 0, end = bytes.length): boolean {
    return this.slots[this.placeOf(bytes, start, end)] !== 0;
  }

  /** @param bytes as for `has`. @returns whether it was not there yet. */
  add(bytes: Buffer, start = 0, end = bytes.length): boolean {
    const place = this.placeOf(bytes, start, end);
    if (this.slots[place] !== 0) return false;
    this.put(place, this.one, this.other);
    this.count++;
    if (this.count * 2 * mostPlaces > this.slots.length) this.grow();
    return true;
  }

  /** Marks a name that is there. @param bytes as for `has`. @returns whether it was not marked yet. */
  mark(bytes: Buffer, start = 0, end = bytes.length): boolean {
    const place = this.placeOf(bytes, start, end);
    const bits = this.slots[place + 1] as number;
    this.slots[place + 1] = bits | marked;
    return (bits & marked) === 0;
  }

  private placeOf(bytes: Buffer, start: number, end: number): number {
    this.hash(bytes, start, end);
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
  private hash(bytes: Buffer, start: number, end: number): void {
    let one = 0x811c9dc5 ^ (end - start);
    let other = 0x9e3779b9 ^ (end - start);
    for (let at = start; at < end; at += 4) {
      let word = bytes[at] as number;
      // What is beyond the end counts as 0: the length is in it already.
      if (at + 4 <= end)
        word |=
          ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
      else for (let next = 1; at + next < end; next++) word |= (bytes[at + next] as number) << (8 * next);
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
