import { KnownOptions } from '../value/known-options.js';
import type { Readable } from 'node:stream';
import { resolveByteRange } from '../object/byte-range.js';
import type { ByteRange } from '../object/object-store.js';
import { PulledBody } from '../object/pulled-body.js';

/** Which file, as its row says it. */
export interface FileRequest {
  /** The row's identity: the copy is kept under it, whatever the object is called. 1 to 512 characters. */
  readonly uid: string;
  /** The object's key. */
  readonly key: string;
  /** Bytes, as the row says them. Where the object store says otherwise, a fault tells so and the store is believed. Default: not known. */
  readonly size?: number;
  /** SHA-256 of the bytes in lower-case hexadecimal. It is compared before the last bytes are handed out, and is the ETag. Default: not known. */
  readonly sha256?: string;
}

/** `disk`: a whole copy. `filling`: the copy is being made. `upstream`: from the object store, not kept. */
export type FileSource = 'disk' | 'filling' | 'upstream';

export interface StreamOptions extends Partial<ByteRange> {
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
}

const known = KnownOptions.of<StreamOptions>('stream()', { start: true, end: true, signal: true });

/** What is known of a file besides its bytes. */
export interface FileFacts {
  readonly size: number;
  readonly etag: string;
  readonly contentType?: string;
  readonly lastModified?: Date;
}

/** `undefined`: they are too many, or can't be read so. */
type ReadAtOnce = (start: number, end: number) => Promise<Buffer | undefined>;
type OpenPieces = (
  start: number,
  end: number,
  signal: AbortSignal,
  isShared: boolean,
) => AsyncGenerator<Buffer, void, undefined>;

/** A file that can be read, any number of times and in ranges. There is nothing to close: what a stream holds it lets go of when it ends. */
export class TieredFile implements FileFacts {
  readonly uid: string;
  readonly key: string;
  /** Bytes of all of it. Known before the first byte came. */
  readonly size: number;
  /** Names this version, quotes included: the row's SHA-256, else what the object store says. */
  readonly etag: string;
  readonly contentType?: string;
  readonly lastModified?: Date;

  /** @internal */
  constructor(
    request: FileRequest,
    facts: FileFacts,
    readonly source: FileSource,
    private readonly open: OpenPieces,
    private readonly readAtOnce?: ReadAtOnce,
  ) {
    this.uid = request.uid;
    this.key = request.key;
    this.size = facts.size;
    this.etag = request.sha256 === undefined ? facts.etag : `"${request.sha256}"`;
    if (facts.contentType !== undefined) this.contentType = facts.contentType;
    if (facts.lastModified !== undefined) this.lastModified = facts.lastModified;
  }

  /**
   * A few bytes of a whole copy without a stream, `end` included. `undefined`: take the stream, which also says what is wrong.
   * @internal
   */
  async atOnce(start: number, end: number): Promise<Buffer | undefined> {
    return this.readAtOnce?.(start, end).catch(() => undefined);
  }

  /**
   * The bytes, `end` included. It ends only when all have come; else it fails: with ObjectDamagedError, ObjectChangedError,
   * ObjectStoreUnavailableError, or the reason of the signal. Of a file that is read from the object store, also with ObjectNotFoundError,
   * ObjectDeniedError or ObjectArchivedError: the head of an archived object can be read.
   *
   * @throws ObjectRangeError when `start` lies behind the last byte; InvalidOptionError for what are no bytes.
   * @example await pipeline(file.stream({ start: 0, end: 1023 }), response);
   */
  stream(options: StreamOptions = {}): Readable {
    return this.body(options, false);
  }

  /**
   * As `stream`, for whoever does not write into its chunks: readers of one download may get the same ones.
   * @internal
   */
  lent(options: StreamOptions = {}): Readable {
    return this.body(options, true);
  }

  private body(options: StreamOptions, isShared: boolean): Readable {
    known.check(options);
    const { start, end, signal } = options;
    const asked =
      start === undefined && end === undefined ? undefined : { start: start ?? 0, ...(end !== undefined && { end }) };
    const range = resolveByteRange(this.uid, asked, this.size);
    return new PulledBody((ending) => this.open(range.start, range.end, ending, isShared), signal);
  }
}
