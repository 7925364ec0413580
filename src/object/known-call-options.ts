import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { ListOptions, OpenOptions, PresignOptions, PutOptions } from './object-store.js';

/** What `head` takes, and `remove`. */
interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

/** What the calls of an object store take, by their names. */
export const knownCallOptions = {
  open: KnownOptions.of<OpenOptions>('open() of an object store', {
    range: true,
    ifMatch: true,
    verify: true,
    signal: true,
  }),
  /** A misspelt `only` would replace what stands there. */
  put: KnownOptions.of<PutOptions>('put() of an object store', {
    contentType: true,
    size: true,
    maxBytes: true,
    metadata: true,
    only: true,
    signal: true,
  }),
  head: KnownOptions.of<SignalOption>('head() of an object store', { signal: true }),
  remove: KnownOptions.of<SignalOption>('remove() of an object store', { signal: true }),
  /** A misspelt `after` would begin at the first object again. */
  list: KnownOptions.of<ListOptions>('list() of an object store', { after: true, signal: true }),
};

const knownGetLinkOptions = KnownOptions.of<Extract<PresignOptions, { method: 'GET' }>>('presign() to read', {
  method: true,
  expiresIn: true,
  downloadName: true,
  contentType: true,
  signal: true,
});

const knownPutLinkOptions = KnownOptions.of<Extract<PresignOptions, { method: 'PUT' }>>('presign() to write', {
  method: true,
  expiresIn: true,
  contentType: true,
  size: true,
  signal: true,
});

/** A misspelt `size` would let anybody write as much as they like. @throws InvalidOptionError */
export function checkPresignOptions(options: PresignOptions): void {
  const isToRead = options.method === 'GET';
  if (!isToRead && options.method !== 'PUT') {
    throw new InvalidOptionError('method', "it is neither 'GET' nor 'PUT'", "Give 'GET' to read, or 'PUT' to write.");
  }
  (isToRead ? knownGetLinkOptions : knownPutLinkOptions).check(options);
}
