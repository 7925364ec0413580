/** Names by 64 bits each, in twelve bytes or so: the names of a million keys in 16 MB. Two names may be taken for one, once in ten million such sets. */
export class NameSet {
  private slots = new Uint32Array(2 * 1_024);
  private count = 0;

  get size(): number {
    return this.count;
  }

  has(name: Buffer): boolean {
    const [one, other] = hashes(name);
    return this.slots[this.placeOf(one, other)] !== 0;
  }

  /** @returns whether it was not there yet. */
  add(name: Buffer): boolean {
    const [one, other] = hashes(name);
    const place = this.placeOf(one, other);
    if (this.slots[place] !== 0) return false;
    this.slots[place] = one;
    this.slots[place + 1] = other;
    this.count++;
    if (this.count * 3 > this.slots.length) this.grow();
    return true;
  }

  /** Where these bits stand, or could. */
  private placeOf(one: number, other: number): number {
    const { slots } = this;
    for (let place = (other * 2) % slots.length; ; place = (place + 2) % slots.length) {
      if (slots[place] === 0 || (slots[place] === one && slots[place + 1] === other)) return place;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    for (let index = 0; index < old.length; index += 2) {
      const [one, other] = [old[index] as number, old[index + 1] as number];
      if (one === 0) continue;
      const place = this.placeOf(one, other);
      this.slots[place] = one;
      this.slots[place + 1] = other;
    }
  }
}

/** Two hashes of 32 bits that differ in their beginning and their multiplier; the first is never 0, which means an empty place. */
function hashes(name: Buffer): [number, number] {
  let one = 0x811c9dc5;
  let other = 0x9e3779b9;
  for (let index = 0; index < name.length; index++) {
    const byte = name[index] as number;
    one = Math.imul(one ^ byte, 0x01000193);
    other = Math.imul(other ^ byte, 0x85ebca6b);
    other ^= other >>> 15;
  }
  return [one >>> 0 || 1, other >>> 0];
}
