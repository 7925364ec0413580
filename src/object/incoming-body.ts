import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { InvalidOptionError } from '../value/errors.js';
import { unlessAborted } from '../value/unless-aborted.js';
import { ObjectSizeError } from './object-errors.js';
import type { ObjectBody, PutOptions } from './object-store.js';
import { releaseBody } from './release-body.js';

/** The bytes of a `put` on their way in: counted, hashed, bounded, and let go of on every way out. */
export class IncomingBody {
  /** Bytes that have passed. */
  size = 0;
  private readonly hash = createHash('sha256');
  private iterator: AsyncIterator<Uint8Array> | undefined;
  private ended = false;
  private failure: { readonly error: unknown } | undefined;

  /** @throws InvalidOptionError for a size or a limit that is none. */
  constructor(
    private readonly key: string,
    private readonly body: ObjectBody,
    private readonly options: PutOptions,
  ) {
    // A stream may fail before it is read, and would end the process. Whoever reads it is told.
    if (body instanceof EventEmitter) body.on('error', () => undefined);
    for (const [name, value = 0] of [
      ['size', options.size],
      ['maxBytes', options.maxBytes],
    ] as const) {
      if ((Number.isSafeInteger(value) || value === Infinity) && value >= 0) continue;
      this.release();
      throw new InvalidOptionError(name, `${String(value)} is not a size`, 'Give whole bytes, 0 or more.');
    }
  }

  /** Of all bytes, once they have passed. To be asked once. */
  sha256(): string {
    return this.hash.digest('hex');
  }

  /**
   * The bytes, in pieces as they come, none of them empty.
   *
   * @throws ObjectSizeError as soon as there are too many bytes, or at the end when there are too few; the signal's reason; whatever the stream
   * fails with.
   */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    if (typeof this.body === 'string' || this.body instanceof Uint8Array) {
      const chunk = asBuffer(this.body);
      this.pass(chunk);
      if (chunk.length > 0) yield chunk;
    } else {
      yield* this.streamed(this.body, signal);
    }
    const { size } = this.options;
    if (size !== undefined && this.size < size) {
      throw this.refused(`the body has ${this.size} bytes, and ${size} were announced`);
    }
  }

  /** Whether this is what the caller's stream has failed with: it reaches the caller as it is. */
  hasFailedWith(error: unknown): boolean {
    return this.failure?.error === error;
  }

  /** Lets go of a stream that was not read to its end. To be called on every way out; again does nothing. */
  release(): void {
    if (this.ended) return;
    this.ended = true;
    releaseBody(this.body, this.iterator);
  }

  private async *streamed(body: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const iterator = iteratorOf(body);
    this.iterator = iterator;
    try {
      for (;;) {
        const result = await unlessAborted(iterator.next(), signal);
        if (result.done) {
          this.ended = true;
          return;
        }
        const chunk = asBuffer(result.value);
        this.pass(chunk);
        if (chunk.length > 0) yield chunk;
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    } finally {
      this.release();
    }
  }

  private pass(chunk: Buffer): void {
    this.size += chunk.length;
    const { size, maxBytes = Infinity } = this.options;
    if (size !== undefined && this.size > size)
      throw this.refused(`the body has more than the announced ${size} bytes`);
    if (this.size > maxBytes) throw this.refused(`the body has more than the ${maxBytes} bytes that are allowed`);
    this.hash.update(chunk);
  }

  private refused(problem: string): ObjectSizeError {
    return new ObjectSizeError(this.key, this.size, problem);
  }
}

/** A web stream's own iterator waits for the source before it ends: a reader cancels the stream at once. */
function iteratorOf(body: AsyncIterable<Uint8Array>): AsyncIterator<Uint8Array> {
  if (!(body instanceof ReadableStream)) return body[Symbol.asyncIterator]();
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    await reader.cancel();
    return { done: true, value: undefined };
  };
  return { next: () => reader.read() as Promise<IteratorResult<Uint8Array>>, return: end };
}

function asBuffer(bytes: string | Uint8Array): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes, 'utf8');
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new InvalidOptionError(
    'body',
    'it holds something that is not bytes',
    'Give bytes, a text, or a stream of bytes.',
  );
}
