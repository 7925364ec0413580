import { Readable } from 'node:stream';
import type { StreamableFile } from '@nestjs/common';
import { onAbort } from '../value/on-abort.js';
import { closeBody } from './close-body.js';

/** The stream of a file while a load reads it. */
export interface TakenStream {
  readonly stream: Readable;
  /** From now on the stream is its file's again. It is closed if Nest has closed the file meanwhile. */
  readonly giveBack: () => void;
}

/**
 * Nest 12 closes the files that a handler has answered with once the response of its request is over, has failed, or has lost its client. A load goes on
 * then, for the store and for others that wait. So the file shows Nest another stream while the load reads.
 *
 * @param signal of the load: the stream is closed when it aborts. `undefined`: no load, so nobody else waits, and Nest may close the file.
 */
export function takeStream(file: StreamableFile, signal: AbortSignal | undefined): TakenStream {
  const stream = file.getStream();
  if (!signal) return { stream, giveBack: () => undefined };
  const shown = new Readable({ read: () => undefined });
  file.getStream = () => shown;
  const close = (): void => closeBody(stream);
  const stopListening = signal.aborted ? close() : onAbort(signal, close);
  return {
    stream,
    giveBack() {
      stopListening?.();
      file.getStream = () => stream;
      if (shown.destroyed) close();
    },
  };
}
