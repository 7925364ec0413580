import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes chunks to a stream, no faster than it takes them, and counts. */
export class BackupSink {
  records = 0;
  bytes = 0;
  private readonly hash = createHash('sha256');
  private readonly closed = new AbortController();
  private failure: Error | undefined;

  constructor(private readonly stream: Writable) {
    stream.on('error', (error) => (this.failure = error));
    // Whoever reads it may leave without a word: no drain would ever come.
    stream.on('close', () => this.closed.abort());
  }

  /** @param chunks the bytes of `records` records. */
  async write(records: number, chunks: readonly Buffer[]): Promise<void> {
    if (records === 0) return;
    this.records += records;
    let isTaken = true;
    for (const bytes of chunks) {
      this.hash.update(bytes);
      this.bytes += bytes.length;
      this.assertOpen();
      isTaken = this.stream.write(bytes);
    }
    if (isTaken) return;
    await once(this.stream, 'drain', { signal: this.closed.signal }).catch((error: unknown) => {
      this.assertOpen();
      throw error;
    });
  }

  private assertOpen(): void {
    if (this.failure) throw this.failure;
    if (this.stream.destroyed) throw new Error('The stream was closed before the backup had ended.');
  }

  /** @returns the SHA-256 of all that was written, in hexadecimal. */
  sha256(): string {
    return this.hash.digest('hex');
  }
}
