import { fileErrorCode } from '../object/folder-object-file.js';
import { ObjectChangedError, ObjectDamagedError } from '../object/object-errors.js';
import type { ObjectStore } from '../object/object-store.js';
import { bytesAt, pieceBytes } from './file-bytes.js';
import { headerBytes } from './file-header.js';
import type { FilesTuning } from './files-tuning.js';
import type { GrowingFile } from './growing-file.js';
import { NotAFileError } from './kept-file.js';
import type { KeptFile } from './kept-file.js';

export interface FileReaderOptions {
  readonly objects: ObjectStore;
  readonly tuning: FilesTuning;
  /** A copy was found damaged, or could not be read. */
  readonly onBadCopy: (copy: KeptFile, error: unknown) => Promise<void>;
}

type Pieces = AsyncGenerator<Buffer, void, undefined>;

/** What is read, and where it can be read on if the copy fails. */
export interface ReadRange {
  readonly uid: string;
  readonly key: string;
  /** The object store's name of the version. */
  readonly etag: string;
  readonly start: number;
  readonly end: number;
  readonly signal: AbortSignal;
}

/** Hands out the bytes of files. A copy that fails under a reader is replaced by the object store, from the byte where it failed. */
export class FileReader {
  private bypasses = 0;

  constructor(private readonly options: FileReaderOptions) {}

  async *kept(copy: KeptFile, range: ReadRange): Pieces {
    let at = range.start;
    try {
      for await (const piece of copy.pieces(range.start, range.end)) {
        at += piece.length;
        yield piece;
      }
      return;
    } catch (error) {
      const isOfDisk = error instanceof ObjectDamagedError || error instanceof NotAFileError;
      if (!isOfDisk && fileErrorCode(error) === undefined) throw error;
      // One that was closed is no bad copy: it had to make room for handles that are used more.
      if (!(error instanceof NotAFileError)) await this.options.onBadCopy(copy, error);
    }
    yield* this.upstream({ ...range, start: at });
  }

  async *growing(file: GrowingFile, range: ReadRange): Pieces {
    const { end, signal } = range;
    let at = range.start;
    if (!file.enter()) return yield* this.upstream(range);
    try {
      while (at <= end) {
        if (file.available <= at) {
          if (this.isFarAhead(file, at)) return yield* this.bypass({ ...range, start: at });
          await file.wait(at, signal);
          if (file.available > at) continue;
          if (file.state === 'changed') throw new ObjectChangedError(range.uid);
          if (file.state === 'damaged')
            throw new ObjectDamagedError(range.uid, 'its bytes are not those of its checksum');
          break;
        }
        const length = Math.min(pieceBytes, file.available - at, end + 1 - at);
        const piece = await bytesAt(file.handle, headerBytes + at, length);
        if (!piece) break;
        at += length;
        yield piece;
      }
    } finally {
      file.leave();
    }
    if (at <= end) yield* this.upstream({ ...range, start: at });
  }

  /** Of the version that the reader began with. Only whole objects are compared with a checksum, and of those the store's. */
  async *upstream({ key, etag, start, end, signal }: ReadRange): Pieces {
    if (start > end) return;
    const { body } = await this.options.objects.open(key, { range: { start, end }, ifMatch: etag, signal });
    try {
      for await (const piece of body) yield piece as Buffer;
    } finally {
      body.destroy();
    }
  }

  private isFarAhead(file: GrowingFile, at: number): boolean {
    const { farAheadBytes, maxBypasses } = this.options.tuning;
    return at > file.available + farAheadBytes && this.bypasses < maxBypasses;
  }

  private async *bypass(range: ReadRange): Pieces {
    this.bypasses++;
    try {
      yield* this.upstream(range);
    } finally {
      this.bypasses--;
    }
  }
}
