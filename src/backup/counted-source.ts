import { createHash } from 'node:crypto';
import { untilAborted } from './until-aborted.js';

/** The pieces of a source, counted and hashed as they pass. The signal ends the wait for more of them. */
export class CountedSource implements AsyncIterable<Uint8Array> {
  /** How many have passed so far. */
  bytes = 0;
  private readonly hash = createHash('sha256');

  constructor(
    private readonly source: AsyncIterable<Uint8Array>,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for await (const piece of untilAborted(this.source, this.signal)) {
      this.hash.update(piece);
      this.bytes += piece.length;
      yield piece;
    }
  }

  /** Of all that has passed, in hexadecimal. Nothing passes after it. */
  sha256(): string {
    return this.hash.digest('hex');
  }
}
