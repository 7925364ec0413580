/** Of MessagePack: what an array and a text begin with, whose length follows in four bytes. */
const array32 = 0xdd;
const text32 = 0xdb;
const arrayHead = 5;

/**
 * Names of keys in one piece, as MessagePack has an array of texts: scripts pack and unpack it with `cmsgpack`. A client takes many times as long to read
 * and write each name by itself.
 */
export class KeyNames {
  /** @param starts where the text of each name begins. @param ends where it ends: there begins the head of the next. @param first where the head of the first begins. */
  private constructor(
    readonly bytes: Buffer,
    private readonly starts: readonly number[],
    private readonly ends: readonly number[],
    private readonly first: number,
  ) {}

  /** What a script has packed. @returns `undefined` for what is no such array. */
  static read(bytes: Buffer): KeyNames | undefined {
    const head = bytes[0] ?? 0;
    const headLength = head >>> 4 === 9 ? 1 : head === 0xdc ? 3 : head === array32 ? arrayHead : undefined;
    if (headLength === undefined || bytes.length < headLength) return undefined;
    const count = headLength === 1 ? head & 0x0f : bytes.readUIntBE(1, headLength - 1);
    const starts: number[] = [];
    const ends: number[] = [];
    let at = headLength;
    for (let index = 0; index < count; index++) {
      const kind = bytes[at++] ?? 0;
      let length = kind & 0x1f;
      if (kind >>> 5 !== 5) {
        // 0xd9, 0xda and 0xdb: the length has one, two or four bytes.
        const lengthBytes = 2 ** (kind - 0xd9);
        if (kind < 0xd9 || kind > text32 || at + lengthBytes > bytes.length) return undefined;
        length = bytes.readUIntBE(at, lengthBytes);
        at += lengthBytes;
      }
      starts.push(at);
      at += length;
      ends.push(at);
    }
    return at === bytes.length ? new KeyNames(bytes, starts, ends, headLength) : undefined;
  }

  static of(names: readonly Buffer[]): KeyNames {
    const bytes = Buffer.allocUnsafe(names.reduce((sum, { length }) => sum + 5 + length, arrayHead));
    const starts: number[] = [];
    const ends: number[] = [];
    let at = writeArrayHead(bytes, names.length);
    for (const name of names) {
      at = bytes.writeUInt8(text32, at);
      at = bytes.writeUInt32BE(name.length, at);
      starts.push(at);
      at += name.copy(bytes, at);
      ends.push(at);
    }
    return new KeyNames(bytes, starts, ends, arrayHead);
  }

  get count(): number {
    return this.starts.length;
  }

  /** Where the name begins in the bytes. */
  startOf(index: number): number {
    return this.starts[index] as number;
  }

  /** Where the name ends in the bytes. */
  endOf(index: number): number {
    return this.ends[index] as number;
  }

  name(index: number): Buffer {
    return this.bytes.subarray(this.starts[index], this.ends[index]);
  }

  /** Those from one place up to another, which is beyond it. */
  slice(from: number, to = this.count): KeyNames {
    if (from >= this.count) return KeyNames.of([]);
    if (from === 0 && to >= this.count) return this;
    const start = from === 0 ? this.first : this.endOf(from - 1);
    const starts = this.starts.slice(from, to);
    const ends = this.ends.slice(from, to);
    const end = ends.at(-1) as number;
    const bytes = Buffer.allocUnsafe(arrayHead + end - start);
    this.bytes.copy(bytes, writeArrayHead(bytes, starts.length), start, end);
    const moved = (place: number): number => place - start + arrayHead;
    return new KeyNames(bytes, starts.map(moved), ends.map(moved), arrayHead);
  }
}

function writeArrayHead(bytes: Buffer, count: number): number {
  return bytes.writeUInt32BE(count, bytes.writeUInt8(array32, 0));
}
