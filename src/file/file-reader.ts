import { fileErrorCode } from '../object/folder-object-file.js';
import { ObjectChangedError, ObjectDamagedError } from '../object/object-errors.js';
import type { ObjectStore, OpenedObject } from '../object/object-store.js';
import { RunningChecksum } from '../object/running-checksum.js';
import { bytesAt } from '../value/bytes-at.js';
import { pieceBytes } from './file-bytes.js';
import { headerBytes } from './file-header.js';
import type { Source } from './file-sources.js';
import type { FilesTuning } from './files-tuning.js';
import { GrowingFile } from './growing-file.js';
import { KeptFile, NotAFileError } from './kept-file.js';

export interface FileReaderOptions {
  readonly objects: ObjectStore;
  readonly tuning: FilesTuning;
  /** Where the file can be read now. */
  readonly find: (range: ReadRange) => Promise<Source>;
  /** Remembers what the object store refuses, so that the file is not opened for a moment. Rejects as `ask`. */
  readonly refusing: (range: ReadRange, ask: () => Promise<OpenedObject>) => Promise<OpenedObject>;
  /** A copy was found damaged, or could not be read. */
  readonly onBadCopy: (copy: KeptFile, error: unknown) => Promise<void>;
}

/** Smaller than those of a whole copy: it is now that the most readers wait for the same bytes. */
const growingPieceBytes = 64 * 2 ** 10;

type Pieces = AsyncGenerator<Buffer, void, undefined>;

/** What is read, and where it can be read on if the copy fails. */
export interface ReadRange {
  readonly uid: string;
  readonly key: string;
  /** The object store's name of the version. */
  readonly etag: string;
  readonly size: number;
  /** What the row says of the bytes of the whole. */
  readonly sha256?: string;
  readonly start: number;
  readonly end: number;
  readonly signal: AbortSignal;
  /** Whether the reader promises not to write into the bytes, so that others may have the same ones. */
  readonly isShared: boolean;
}

/** Hands out the bytes of files. A copy that fails under a reader is replaced by the object store, from the byte where it failed. */
export class FileReader {
  private bypasses = 0;

  constructor(private readonly options: FileReaderOptions) {}

  async *kept(copy: KeptFile, range: ReadRange): Pieces {
    if (copy.isClosed) return yield* this.again(range);
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
      // One that was closed since is no bad copy.
      if (!(error instanceof NotAFileError)) await this.options.onBadCopy(copy, error);
    }
    yield* this.upstream({ ...range, start: at });
  }

  async *growing(file: GrowingFile, range: ReadRange): Pieces {
    const { end, signal } = range;
    let at = range.start;
    let soFar: RunningChecksum | undefined;
    if (!file.enter()) return yield* this.again(range);
    try {
      while (at <= end) {
        if (file.available <= at) {
          if (this.isFarAhead(file, at)) return yield* this.bypass({ ...range, start: at });
          await file.wait(at, signal);
          if (file.available > at) continue;
          if (file.state === 'changed') throw new ObjectChangedError(range.uid);
          if (file.state === 'damaged') throw damaged(range.uid);
          break;
        }
        const length = Math.min(growingPieceBytes, file.available - at, end + 1 - at);
        const piece = await (range.isShared
          ? file.shared.at(at, length)
          : bytesAt(file.handle, headerBytes + at, length));
        if (!piece) break;
        at += piece.length;
        yield piece;
      }
      if (at <= end && isWhole(range)) soFar = await checksumSoFar(file, at, signal);
    } finally {
      file.leave();
    }
    if (at <= end) yield* this.upstream({ ...range, start: at }, soFar);
  }

  /**
   * What the file was opened from has been closed since: a handle had to make room, or a process that stood still found its download given up. It is
   * looked for once more.
   */
  private async *again(range: ReadRange): Pieces {
    const source = await this.options.find(range).catch(() => undefined);
    const isSame = source !== undefined && 'header' in source && source.header.etag === range.etag;
    if (isSame && source instanceof KeptFile && !source.isClosed) yield* this.kept(source, range);
    else if (isSame && source instanceof GrowingFile && source.enter()) {
      // Held open until its reader has come.
      try {
        yield* this.growing(source, range);
      } finally {
        source.leave();
      }
    } else yield* this.upstream(range);
  }

  /** Of a file that is not kept. The head of an archived object can be read: its first reader is refused, and that is remembered. */
  async *handedThrough(range: ReadRange): Pieces {
    if (range.start > range.end) return;
    yield* this.compared(await this.options.refusing(range, () => this.openUpstream(range)), range);
  }

  /** @param soFar of the bytes of a whole file that went before these. */
  private async *upstream(range: ReadRange, soFar?: RunningChecksum): Pieces {
    if (range.start > range.end) return;
    yield* this.compared(await this.openUpstream(range), range, soFar);
  }

  /** The version that the reader began with. */
  private openUpstream({ key, etag, start, end, signal }: ReadRange): Promise<OpenedObject> {
    return this.options.objects.open(key, { range: { start, end }, ifMatch: etag, signal });
  }

  /** The last bytes of a whole file wait for its checksum. */
  private async *compared({ body }: OpenedObject, range: ReadRange, soFar = checksumOfRow(range)): Pieces {
    const { uid, start, end } = range;
    try {
      let at = start;
      for await (const piece of body as AsyncIterable<Buffer>) {
        at += piece.length;
        soFar?.update(piece);
        if (at > end && soFar && !soFar.matches()) throw damaged(uid);
        yield piece;
      }
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

const isWhole = ({ start, end, size }: ReadRange): boolean => start === 0 && end === size - 1;

/** To be compared by whoever reads all of it. */
function checksumOfRow(range: ReadRange): RunningChecksum | undefined {
  const { sha256: hex } = range;
  return hex !== undefined && isWhole(range) ? new RunningChecksum({ algorithm: 'sha256', hex }) : undefined;
}

/** Of what a reader has had from an unfinished file. `undefined`: none is known to compare it with. @throws ObjectDamagedError where it was cut. */
async function checksumSoFar(
  { handle, header }: GrowingFile,
  upTo: number,
  signal: AbortSignal,
): Promise<RunningChecksum | undefined> {
  if (!header.checksum) return undefined;
  const checksum = new RunningChecksum(header.checksum);
  for (let at = 0; at < upTo; at += pieceBytes) {
    signal.throwIfAborted();
    const piece = await bytesAt(handle, headerBytes + at, Math.min(pieceBytes, upTo - at));
    if (!piece) throw damaged(header.uid);
    checksum.update(piece);
  }
  return checksum;
}

const damaged = (uid: string): ObjectDamagedError =>
  new ObjectDamagedError(uid, 'its bytes are not those of its checksum');
