import { Readable } from 'node:stream';
import { onAbort } from '../value/on-abort.js';
import { asError } from './outgoing-body.js';

/**
 * Pieces as a stream, each asked for when it is wanted. Their source may wait, as for a download: destroying the stream, or the caller's signal, ends the
 * waiting at once and lets go of all that the source holds.
 */
export class PulledBody extends Readable {
  private readonly ending = new AbortController();
  private readonly pieces: AsyncGenerator<Buffer, void, undefined>;
  private readonly stopListening: (() => void) | undefined;
  private isPulling = false;

  constructor(open: (signal: AbortSignal) => AsyncGenerator<Buffer, void, undefined>, signal: AbortSignal | undefined) {
    super({ objectMode: false, highWaterMark: 1 });
    this.pieces = open(this.ending.signal);
    const stop = (): void => void this.destroy(asError(signal?.reason));
    if (signal?.aborted) stop();
    else if (signal) this.stopListening = onAbort(signal, stop);
  }

  override _read(): void {
    if (!this.isPulling) void this.pull();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.stopListening?.();
    this.ending.abort();
    void this.pieces.return().catch(() => undefined);
    callback(error);
  }

  private async pull(): Promise<void> {
    this.isPulling = true;
    try {
      const { done, value } = await this.pieces.next();
      this.isPulling = false;
      if (!this.destroyed) this.push(done ? null : value);
    } catch (error) {
      this.destroy(asError(error));
    }
  }
}
