import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

/**
 * Bytes that are all at hand, as the stream that a StreamableFile holds. Piped into a response they are one write that ends it; whoever reads the stream
 * itself, such as an interceptor, gets them as from any other.
 */
export class WholeBody extends Readable {
  constructor(private readonly bytes: Buffer) {
    super({ objectMode: false });
  }

  override _read(): void {
    this.push(this.bytes);
    this.push(null);
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { readonly end?: boolean }): T {
    const isOneWrite = destination instanceof ServerResponse && !destination.destroyed && options?.end !== false;
    if (!isOneWrite || this.readableDidRead) return super.pipe(destination, options);
    destination.end(this.bytes);
    // Fastify waits for its end.
    this.resume();
    return destination;
  }
}
