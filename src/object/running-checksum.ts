import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ObjectChecksum } from './object-store.js';

/** The checksum of bytes as they pass. */
export class RunningChecksum {
  private readonly hash;
  private crc = 0;

  constructor(readonly expected: ObjectChecksum) {
    this.hash = expected.algorithm === 'crc32' ? undefined : createHash(expected.algorithm);
  }

  update(bytes: Uint8Array): void {
    if (this.hash) this.hash.update(bytes);
    else this.crc = crc32(bytes, this.crc);
  }

  /** Whether the bytes that passed are those of the expected checksum. To be asked once. */
  matches(): boolean {
    const hex = this.hash ? this.hash.digest('hex') : this.crc.toString(16).padStart(8, '0');
    return hex === this.expected.hex;
  }
}
