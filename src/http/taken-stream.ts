import { Readable } from 'node:stream';
import type { StreamableFile } from '@nestjs/common';
import { InvalidOptionError } from '../value/errors.js';
import { onAbort } from '../value/on-abort.js';
import { closeBody } from './close-body.js';

/** The stream of a file while a load reads it. */
export interface TakenStream {
  readonly stream: Readable;
  /** From now on the stream is its file's again. It is closed if Nest has closed the file meanwhile. */
  readonly giveBack: () => void;
}

/** A file that loads read. */
interface ReadFile {
  /** As without these loads. */
  readonly getStream: () => Readable;
  /** Of `getStream`, where it is the file's and not its class's. */
  readonly own: PropertyDescriptor | undefined;
  loads: number;
  /** Nest has closed the file meanwhile. */
  isClosed: boolean;
}

const readFiles = new WeakMap<StreamableFile, ReadFile>();

/** Streams are read once. */
const taken = new WeakSet<Readable>();

/**
 * Nest 12 closes the files that a handler has answered with once the response of its request is over, has failed, or has lost its client. A load goes on
 * then, for the store and for others that wait. So the file shows Nest another stream while the load reads. Several loads, and requests outside the cache, may read
 * a file that makes its stream anew: each has one of its own.
 *
 * @param signal of the load: the stream is closed when it aborts. `undefined`: no load, so nobody else waits, and Nest may close the file.
 * @throws InvalidOptionError where the stream of the file was taken before: it has no bytes any more, or they go to another load.
 */
export function takeStream(file: StreamableFile, signal: AbortSignal | undefined): TakenStream {
  const stream = untaken((readFiles.get(file) ?? file).getStream());
  if (isReadElsewhere(stream)) throw takenBefore();
  taken.add(stream);
  if (!signal) return { stream, giveBack: () => undefined };
  const readFile = show(file);
  const close = (): void => closeBody(stream);
  const stopListening = signal.aborted ? close() : onAbort(signal, close);
  return {
    stream,
    giveBack() {
      stopListening?.();
      stopShowing(file, readFile);
      if (readFile.isClosed) close();
    },
  };
}

function show(file: StreamableFile): ReadFile {
  const own = Object.getOwnPropertyDescriptor(file, 'getStream');
  const readFile = readFiles.get(file) ?? { getStream: file.getStream.bind(file), own, loads: 0, isClosed: false };
  readFiles.set(file, readFile);
  readFile.loads++;
  file.getStream = () => openedWhenRead(readFile);
  return readFile;
}

/** The file shows its own stream again, unless another load reads it. */
function stopShowing(file: StreamableFile, readFile: ReadFile): void {
  if (--readFile.loads > 0) return;
  readFiles.delete(file);
  if (readFile.own) Object.defineProperty(file, 'getStream', readFile.own);
  else Reflect.deleteProperty(file, 'getStream');
}

/** What a request outside the cache sends of the file, and what Nest closes unread. It fails where the load reads the only stream of the file. */
function openedWhenRead(readFile: ReadFile): Readable {
  let source: Readable | undefined;
  let pieces: AsyncIterator<unknown> | undefined;
  return new Readable({
    read() {
      source ??= untaken(readFile.getStream());
      pieces ??= source[Symbol.asyncIterator]();
      pieces.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      if (source) closeBody(source);
      else if (!error) readFile.isClosed = true;
      done(error);
    },
  });
}

/** By a request outside the cache. An interceptor that has put back what it read of a stream reads it no more. */
function isReadElsewhere(stream: Readable): boolean {
  const isListenedTo = stream.listenerCount('data') + stream.listenerCount('readable') > 0;
  return stream.readableEnded || (stream.readableDidRead && isListenedTo);
}

function untaken(stream: Readable): Readable {
  if (taken.has(stream)) throw takenBefore();
  return stream;
}

const takenBefore = (): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    'the handler has returned a StreamableFile whose stream was read before',
    'Return a new one at each call.',
  );
