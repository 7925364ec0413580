import type { Readable } from 'node:stream';
import type { Duration } from '../value/duration.js';

/**
 * Where files live: S3 and what speaks its language, a folder, this process's memory. A narrow contract, of which
 * `objectStoreContract()` of `nestjs-tiered-cache/testing` is the executable form.
 *
 * An object is written as a whole and read as a whole or in ranges. A reader that has begun gets the bytes of one version to the end, or an error:
 * never a mixture, never a short body that ends well. Keys are texts of up to 1024 bytes of UTF-8 with `/` between segments (see
 * {@link ObjectKey}); all others reject with InvalidKeyError before any I/O.
 *
 * Every operation rejects with the reason of `signal` when that aborts, with {@link ObjectStoreUnavailableError} when the store can't be reached or
 * does not answer in time, and with {@link ObjectDeniedError} when it refuses the credentials. An option that does not exist is an InvalidOptionError.
 */
export interface ObjectStore {
  /** For people: `s3 media/tenant-1`, `folder /var/objects`, `memory`. No credentials. */
  readonly name: string;
  /** Whether {@link presign} works. False: it rejects with ObjectOperationError. */
  readonly presigns: boolean;
  /**
   * Opens an object for reading. Resolves when its head is known; its body then has to be read to its end or destroyed.
   *
   * @throws ObjectNotFoundError · ObjectChangedError: it is not what `ifMatch` names · ObjectRangeError: `range` begins behind its last byte ·
   * ObjectArchivedError: S3 alone.
   * @example
   * const { size, body } = await store.open('images/originals/u1/r', { signal });
   * for await (const chunk of body) await handle.write(chunk);
   */
  open(key: ObjectKey, options?: OpenOptions): Promise<OpenedObject>;
  /** What is known of an object; `undefined`: there is none. Its bytes are not read. */
  head(key: ObjectKey, options?: { readonly signal?: AbortSignal | undefined }): Promise<ObjectHead | undefined>;
  /**
   * Writes an object, over an older one if there is one. Readers find the old object or the new one, whole. When it rejects, the key holds what it
   * held; with ObjectStoreUnavailableError the object may also have arrived. A body that is a stream is destroyed on every way out.
   *
   * @throws ObjectExistsError: `only` · ObjectSizeError: `size`, `maxBytes` · what the body's stream failed with.
   */
  put(key: ObjectKey, body: ObjectBody, options?: PutOptions): Promise<PutObject>;
  /** Removes an object. Resolves as well when there is none. */
  remove(key: ObjectKey, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * The objects whose keys begin with a prefix, in the order of their keys' UTF-8 bytes, page by page as they are asked for. The empty prefix lists
   * all. What is written or removed meanwhile may or may not be in it.
   *
   * @example for await (const { key, size } of store.list('backup/database/')) total += size;
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;
  /**
   * A link with which somebody without credentials may read or write this one object for a while. It is a secret: keep it out of logs. Whether the
   * object exists is not asked.
   *
   * @throws ObjectOperationError where `presigns` is false; InvalidDurationError for an `expiresIn` that is not between 1 s and 7 days.
   */
  presign(key: ObjectKey, options: PresignOptions): Promise<PresignedRequest>;
}

/**
 * A text of 1 to 1024 bytes of UTF-8. It has no empty, `.` or `..` segment between its `/`, does not begin or end with `/`, and holds no control
 * character and no lone surrogate.
 */
export type ObjectKey = string;

/** Bytes, counted from 0, the last one included, as HTTP counts them. `end` may lie behind the object's end. */
export interface ByteRange {
  readonly start: number;
  /** Default: the last byte of the object. */
  readonly end?: number;
}

export interface OpenOptions {
  /** Which bytes. Default: all of them, of an empty object none. */
  readonly range?: ByteRange | undefined;
  /** The `etag` that the object must still have. Default: any. */
  readonly ifMatch?: string | undefined;
  /**
   * Whether the checksum of the object, where the store knows one, is compared before the last bytes are handed out. Only of whole objects. False
   * for callers who compare one of their own. Default true.
   */
  readonly verify?: boolean | undefined;
  /** Ends the opening and the body. */
  readonly signal?: AbortSignal | undefined;
}

/** What is known of an object without its bytes. */
export interface ObjectHead {
  /** Bytes of the whole object. */
  readonly size: number;
  /** Names this version of the object, quotes included. Only to be compared. */
  readonly etag: string;
  /** As it was written. Never guessed from the bytes. Absent: not said. */
  readonly contentType?: string;
  /** When the store says that it was written. */
  readonly lastModified?: Date;
  /** Of the bytes of the whole object. Absent: the store knows none that this library can compute. */
  readonly checksum?: ObjectChecksum;
  /** What the writer added. Names are lower-case. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ObjectChecksum {
  readonly algorithm: 'sha256' | 'sha1' | 'md5' | 'crc32';
  /** Lower-case hexadecimal. */
  readonly hex: string;
}

/** An object that is being read. */
export interface OpenedObject extends ObjectHead {
  /** What `body` will carry: `end - start + 1` bytes. An empty object has `start` 0 and `end` -1. */
  readonly range: Required<ByteRange>;
  /**
   * The bytes, as Buffers. It ends only when all have come; else it fails: with ObjectDamagedError (too few, too many, another checksum),
   * ObjectChangedError, ObjectStoreUnavailableError, or the reason of `signal`. Destroying it lets go of the connection or file at once.
   */
  readonly body: Readable;
}

/** A text is stored as UTF-8. A stream's chunks are bytes. */
export type ObjectBody = Uint8Array | string | AsyncIterable<Uint8Array>;

export interface PutOptions {
  /** Default: not said, which S3 takes for `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** Bytes of the body. A body of another size is refused. Default: not known before its end. */
  readonly size?: number | undefined;
  /** The body may have this many bytes. Default Infinity: no limit but the store's. */
  readonly maxBytes?: number | undefined;
  /** Texts of printable ASCII; names are lower-case letters, digits, `-` and `_`. Together at most 2 KB. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** `absent`: only where no object stands, decided by the store among racing writers. Default: always. */
  readonly only?: 'absent' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An object that was written. */
export interface PutObject {
  readonly key: ObjectKey;
  readonly size: number;
  readonly etag: string;
  /** Of the bytes that were sent, in lower-case hexadecimal: for the row that points to the object. */
  readonly sha256: string;
}

export interface ListOptions {
  /** Begins behind this key. Default: at the first. */
  readonly after?: ObjectKey | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ListedObject {
  readonly key: ObjectKey;
  readonly size: number;
  readonly etag: string;
  readonly lastModified?: Date;
}

export type PresignOptions = {
  /** 1 s to 7 days, whole seconds. */
  readonly expiresIn: Duration;
  readonly signal?: AbortSignal | undefined;
} & (
  | {
      readonly method: 'GET';
      /** What a browser names the file that it saves. Default: it opens the object, or takes the key's last segment. */
      readonly downloadName?: string | undefined;
      /** The type that the answer bears, whatever the object's own is. Default: the object's own. */
      readonly contentType?: string | undefined;
    }
  | {
      readonly method: 'PUT';
      /** The type that must be sent. Default: any. */
      readonly contentType?: string | undefined;
      /** Bytes that must be sent. Default: any. */
      readonly size?: number | undefined;
    }
);

/** A request that anybody may send: with this method, to this address, with all of these headers. */
export interface PresignedRequest {
  readonly method: 'GET' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}
