const smallestLength = 64;
/** More entries need 32 bits for a slot's number. */
const most16BitSlots = 2 ** 16 - 1;

/**
 * What an adaptive map knows of each entry, in columns: an object for each would take 50 bytes more. Slot 0 is nobody's.
 *
 * A column is replaced when it grows: read it from here each time.
 */
export class Slots {
  readonly keys: string[] = [''];
  /** See `use-word.ts`. */
  uses: Uint16Array;
  bytes: Uint32Array;
  /** The neighbours in the queue that the slot is in; 0 is none. Of a free slot: the next free one. */
  next: Uint16Array | Uint32Array;
  previous: Uint16Array | Uint32Array;
  private free = 0;

  constructor(private readonly maxEntries: number) {
    const length = Math.min(maxEntries + 1, smallestLength);
    const links = maxEntries < most16BitSlots ? Uint16Array : Uint32Array;
    this.uses = new Uint16Array(length);
    this.bytes = new Uint32Array(length);
    this.next = new links(length);
    this.previous = new links(length);
  }

  /** Slots that were ever used, the first one not counted. */
  get used(): number {
    return this.keys.length - 1;
  }

  take(key: string, bytes: number): number {
    let slot = this.free;
    if (slot !== 0) {
      this.free = this.next[slot] as number;
      this.keys[slot] = key;
    } else {
      slot = this.keys.push(key) - 1;
      if (slot === this.uses.length) this.grow();
    }
    this.bytes[slot] = bytes;
    return slot;
  }

  release(slot: number): void {
    this.keys[slot] = '';
    this.next[slot] = this.free;
    this.free = slot;
  }

  private grow(): void {
    const length = Math.min(this.maxEntries + 1, Math.ceil(this.uses.length * 1.5));
    this.uses = copyOf(this.uses, new Uint16Array(length));
    this.bytes = copyOf(this.bytes, new Uint32Array(length));
    const links = this.next instanceof Uint16Array ? Uint16Array : Uint32Array;
    this.next = copyOf(this.next, new links(length));
    this.previous = copyOf(this.previous, new links(length));
  }
}

function copyOf<A extends Uint16Array | Uint32Array>(column: A, longer: A): A {
  longer.set(column);
  return longer;
}
