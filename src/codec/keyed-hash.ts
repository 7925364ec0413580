import { createHash, createHmac, createSecretKey, hash, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const blockBytes = 64;
export const macBytes = 32;
/** What is hashed at once is copied once; beyond, a hash that is fed costs little more. */
const maxAtOnceBytes = 16_384;

/**
 * HMAC-SHA-256 of texts and bytes under one secret (RFC 2104).
 *
 * An HMAC of Node's is an object of its own, which takes longer to make than a kilobyte to hash. So the two hashes that it consists of are asked for by name,
 * each over one piece of memory whose first block, the secret's, stands there already.
 */
export class KeyedHash {
  // Not properties: whatever walks an object finds no secret here.
  readonly #secret: KeyObject;
  readonly #inner = Buffer.alloc(blockBytes + maxAtOnceBytes);
  readonly #outer = Buffer.alloc(blockBytes + macBytes);
  readonly #found = Buffer.alloc(macBytes);

  constructor(secret: Uint8Array) {
    this.#secret = createSecretKey(secret);
    const key = secret.length > blockBytes ? createHash('sha256').update(secret).digest() : secret;
    for (let at = 0; at < blockBytes; at++) {
      this.#inner[at] = (key[at] ?? 0) ^ 0x36;
      this.#outer[at] = (key[at] ?? 0) ^ 0x5c;
    }
  }

  /** Writes the hash of the text, which is ASCII and holds no zero byte, of a zero byte, and of the bytes. */
  write(text: string, bytes: Uint8Array, target: Buffer, at: number): void {
    this.compute(text, bytes, 0, bytes.length);
    this.#found.copy(target, at);
  }

  /** Whether it stands in `bytes` at `at`: of the text, a zero byte, and of the bytes from `start` to `end`. In the same time wherever it differs. */
  stands(text: string, bytes: Buffer, at: number, start: number, end: number): boolean {
    this.compute(text, bytes, start, end);
    return timingSafeEqual(bytes.subarray(at, at + macBytes), this.#found);
  }

  private compute(text: string, bytes: Uint8Array, start: number, end: number): void {
    const from = blockBytes + text.length + 1;
    const length = from + end - start;
    if (length > this.#inner.length) {
      const hmac = createHmac('sha256', this.#secret).update(`${text}\0`, 'latin1');
      hmac.update(bytes.subarray(start, end)).digest().copy(this.#found);
      return;
    }
    const inner = this.#inner;
    inner.write(text, blockBytes, 'latin1');
    inner[from - 1] = 0;
    inner.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), from);
    // As a text, which is cheaper to be given than a Buffer.
    this.#outer.write(hash('sha256', inner.subarray(0, length), 'binary'), blockBytes, 'latin1');
    this.#found.write(hash('sha256', this.#outer, 'binary'), 0, 'latin1');
  }
}
