import type { FileHandle } from 'node:fs/promises';
import { bytesAt } from '../value/bytes-at.js';
import { headerBytes } from './file-header.js';

/** As many as readers who are nearly at the same place need. */
const maxPieces = 16;

interface Piece {
  readonly length: number;
  readonly bytes: Promise<Buffer | undefined>;
}

/**
 * The pieces of a body that were read last, so that many readers at one place read once. Fifty readers that each have memory of their own for what
 * they read leave a hundred megabytes behind before it is collected. Whoever takes a piece may not write into it.
 */
export class SharedPieces {
  private readonly recent = new Map<number, Piece>();

  constructor(private readonly handle: FileHandle) {}

  /** What begins there, `length` bytes at most: readers who come later take the pieces as those before them had them. `undefined`: the file was cut. */
  at(start: number, length: number): Promise<Buffer | undefined> {
    const known = this.recent.get(start);
    if (known && known.length <= length) return known.bytes;
    const bytes = bytesAt(this.handle, headerBytes + start, length);
    // A read that failed is not repeated by those who come at once, and by others it is.
    const forget = (): void => this.forget(start, bytes);
    bytes.then((read) => read ?? forget(), forget);
    this.recent.delete(start);
    this.recent.set(start, { length, bytes });
    const [oldest] = this.recent.keys();
    if (this.recent.size > maxPieces && oldest !== undefined) this.recent.delete(oldest);
    return bytes;
  }

  clear(): void {
    this.recent.clear();
  }

  private forget(start: number, bytes: Promise<unknown>): void {
    if (this.recent.get(start)?.bytes === bytes) this.recent.delete(start);
  }
}
