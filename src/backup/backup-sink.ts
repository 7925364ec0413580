import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { unlessAborted } from '../value/unless-aborted.js';
import { chunksOf } from './backup-record.js';
import type { DumpedKeys } from './key-dumps.js';

/** Writes chunks to a stream, no faster than it takes them, and counts. */
export class BackupSink {
  records = 0;
  bytes = 0;
  private readonly hash = createHash('sha256');
  private readonly closed = new AbortController();
  private failure: Error | undefined;
  /** Resolves when the stream takes more. */
  private taken: Promise<unknown> = Promise.resolve();

  /** @param signal ends it, also while it waits for a stream that takes no more. */
  constructor(
    private readonly stream: Writable,
    private readonly signal?: AbortSignal,
  ) {
    stream.on('error', (error) => (this.failure = error));
    // Whoever reads it may leave without a word: no drain would ever come.
    stream.on('close', () => this.closed.abort());
  }

  /**
   * Resolves while the stream works on these: the next ones are prepared meanwhile, and wait for it.
   * @param chunks the bytes of `records` records. @throws why the stream has not taken those before; the signal's reason.
   */
  async write(records: number, chunks: readonly Buffer[]): Promise<void> {
    if (records === 0) return;
    await unlessAborted(this.taken, this.signal);
    this.records += records;
    let isTaken = true;
    for (const bytes of chunks) {
      this.bytes += bytes.length;
      this.assertOpen();
      isTaken = this.stream.write(bytes);
      this.hash.update(bytes);
    }
    if (isTaken) return;
    this.taken = once(this.stream, 'drain', { signal: this.closed.signal }).catch((error: unknown) => {
      this.assertOpen();
      throw error;
    });
    // It is thrown when the next ones come, or at the end.
    this.taken.catch(() => {});
  }

  /** As `write`, for the chunks of these keys. @returns how many bytes they have. */
  async addDumps({ names, dumps, records }: DumpedKeys): Promise<number> {
    const before = this.bytes;
    await this.write(records, chunksOf(names, dumps));
    return this.bytes - before;
  }

  /** @throws why the stream takes no more; the signal's reason. */
  assertOpen(): void {
    this.signal?.throwIfAborted();
    // A stream is destroyed some time before it tells of its error.
    const failure = this.failure ?? this.stream.errored;
    if (failure) throw failure;
    if (this.stream.destroyed) throw new Error('The stream was closed before the backup had ended.');
  }

  /** @returns the SHA-256 of all that was written, in hexadecimal, once the stream has taken it. @throws why it has not; the signal's reason. */
  async end(): Promise<string> {
    await unlessAborted(this.taken, this.signal);
    this.assertOpen();
    return this.hash.digest('hex');
  }
}
