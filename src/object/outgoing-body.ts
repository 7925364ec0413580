import { Readable } from 'node:stream';
import { onAbort } from '../value/on-abort.js';

/**
 * The stream of an opened object, made of pieces. It fails with the reason of the signal when that aborts, whether anybody reads it or not.
 * `onClose` lets go of the source; it runs once, also when nobody ever read. For sources that answer by themselves, such as memory and a local file: a source that may hang needs a stream that can let go of it.
 */
export function outgoingBody(
  pieces: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
  onClose?: () => void,
): Readable {
  const body = Readable.from(pieces, { objectMode: false });
  if (onClose) body.once('close', onClose);
  if (!signal) return body;
  const stop = (): void => void body.destroy(asError(signal.reason));
  if (signal.aborted) stop();
  else body.once('close', onAbort(signal, stop));
  return body;
}

/** What a stream can be destroyed with: the reason itself, unless it is nothing, which would be no failure. */
export function asError(reason: unknown): Error {
  return (reason ?? new Error('The operation was aborted.')) as Error;
}
