import { TieredCacheError } from '../value/errors.js';
import type { Caused } from '../value/errors.js';

/** There is no object under the key. The store answered, so this is knowledge and not an outage. */
export class ObjectNotFoundError extends TieredCacheError {
  readonly code = 'OBJECT_NOT_FOUND';

  constructor(
    readonly key: string,
    options?: Caused,
  ) {
    super(`${key}: the object store holds no such object. Compare the key with the one that was written.`, options);
  }
}

/** The object is another one than `ifMatch` names, or became another one while it was read. Bytes of two versions are never mixed. */
export class ObjectChangedError extends TieredCacheError {
  readonly code = 'OBJECT_CHANGED';

  constructor(
    readonly key: string,
    options?: Caused,
  ) {
    super(`${key}: the object was replaced or removed meanwhile. Open it again from its beginning.`, options);
  }
}

/** `only: 'absent'` was asked, and an object stands under the key. It was not touched. */
export class ObjectExistsError extends TieredCacheError {
  readonly code = 'OBJECT_EXISTS';

  constructor(
    readonly key: string,
    options?: Caused,
  ) {
    super(`${key}: an object stands there already. Give the new one a key of its own.`, options);
  }
}

/** The range begins behind the object's last byte. HTTP answers 416. */
export class ObjectRangeError extends TieredCacheError {
  readonly code = 'OBJECT_RANGE';

  /** @param size of the whole object in bytes; absent where the store did not say. */
  constructor(
    readonly key: string,
    readonly start: number,
    readonly size?: number,
    options?: Caused,
  ) {
    super(
      `${key}: byte ${start} is beyond the object's ${size ?? 'last'} bytes. Ask for a range that begins within.`,
      options,
    );
  }
}

/** The bytes that came are not the object: too few, too many, or of another checksum. */
export class ObjectDamagedError extends TieredCacheError {
  readonly code = 'OBJECT_DAMAGED';

  constructor(
    readonly key: string,
    problem: string,
    options?: Caused,
  ) {
    super(`${key}: ${problem}. Compare the object with its source, and write it again.`, options);
  }
}

/** The body has not the size that was announced, or exceeds what is allowed. Nothing was stored. */
export class ObjectSizeError extends TieredCacheError {
  readonly code = 'OBJECT_SIZE';

  /** @param bytes that were counted; at a limit the body may have had more. */
  constructor(
    readonly key: string,
    readonly bytes: number,
    problem: string,
  ) {
    super(`${key}: ${problem}. Nothing was stored: send the announced bytes, or raise the limit.`);
  }
}

/** The store refuses these credentials. S3 also says so of an absent object to whoever may not list the bucket. */
export class ObjectDeniedError extends TieredCacheError {
  readonly code = 'OBJECT_DENIED';

  constructor(
    readonly key: string,
    options?: Caused,
  ) {
    super(
      `${key}: the object store denies access. Check the credentials, and their right to list the bucket.`,
      options,
    );
  }
}

/** The object lies in an archive (S3 Glacier), from which it is not read. The store answered: asking again does not help before it is restored. */
export class ObjectArchivedError extends TieredCacheError {
  readonly code = 'OBJECT_ARCHIVED';

  constructor(
    readonly key: string,
    options?: Caused,
  ) {
    super(`${key} is archived. Restore the object, and read it once that is done.`, options);
  }
}

/**
 * The store can't be reached, is overloaded, stalls, or has no such bucket. It says nothing of the object: what is unreachable is not deleted.
 * A write may or may not have arrived.
 */
export class ObjectStoreUnavailableError extends TieredCacheError {
  readonly code = 'OBJECT_STORE_UNAVAILABLE';

  /** @param store its name. */
  constructor(
    readonly store: string,
    problem: string,
    options?: Caused,
  ) {
    super(`${store}: ${problem}. Check that it runs and can be reached from this host.`, options);
  }
}

/** The store has no such operation: links to objects in memory, for example. */
export class ObjectOperationError extends TieredCacheError {
  readonly code = 'OBJECT_OPERATION';

  constructor(
    readonly store: string,
    readonly operation: string,
    remedy: string,
  ) {
    super(`${store}: has no ${operation}. ${remedy}`);
  }
}
