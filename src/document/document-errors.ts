import { TieredCacheError } from '../value/errors.js';
import type { Caused } from '../value/errors.js';

/** The document was written again or deleted while it was read, and the rest of its earlier revision is no more. Bytes of two revisions are never mixed. */
export class DocumentChangedError extends TieredCacheError {
  readonly code = 'DOCUMENT_CHANGED';

  constructor(
    readonly id: string,
    options?: Caused,
  ) {
    super(`Document ${id}: it was replaced or deleted while it was read. Read it again from its beginning.`, options);
  }
}

/**
 * The bytes in Redis, or in the object store, are not those that were written. They are not uploaded over anything, nor brought back to Redis, and a reader
 * never gets the last of them.
 */
export class DocumentDamagedError extends TieredCacheError {
  readonly code = 'DOCUMENT_DAMAGED';

  constructor(
    readonly id: string,
    problem: string,
  ) {
    super(`Document ${id}: ${problem}. Write it again from its source, and look for what else writes under its key.`);
  }
}
