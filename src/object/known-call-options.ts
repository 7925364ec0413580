import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { ListOptions, OpenOptions, PresignOptions, PutOptions } from './object-store.js';

/** What `open` of an object store takes. */
export const knownOpenOptions = KnownOptions.of<OpenOptions>('open() of an object store', {
  range: true,
  ifMatch: true,
  verify: true,
  signal: true,
});

/** What `put` of an object store takes. A misspelt `only` would replace what stands there. */
export const knownPutOptions = KnownOptions.of<PutOptions>('put() of an object store', {
  contentType: true,
  size: true,
  maxBytes: true,
  metadata: true,
  only: true,
  signal: true,
});

/** What `head` takes, and `remove`. */
interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

export const knownHeadOptions = KnownOptions.of<SignalOption>('head() of an object store', { signal: true });

export const knownRemoveOptions = KnownOptions.of<SignalOption>('remove() of an object store', { signal: true });

/** What `list` of an object store takes. A misspelt `after` would begin at the first object again. */
export const knownListOptions = KnownOptions.of<ListOptions>('list() of an object store', {
  after: true,
  signal: true,
});

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
