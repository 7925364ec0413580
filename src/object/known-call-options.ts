import { KnownOptions } from '../value/known-options.js';
import type { OpenOptions, PutOptions } from './object-store.js';

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
