import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { fileErrorCode } from '../object/folder-object-file.js';
import { ObjectDamagedError } from '../object/object-errors.js';
import { bytesAt } from '../value/bytes-at.js';
import { pieceBytes } from './file-bytes.js';
import { blockBytes, decodeTrailer, fileBytes, headerBytes, headerIn, trailerBytes } from './file-header.js';
import type { FileHeader } from './file-header.js';

/** The file under this name is no whole file of this format. */
export class NotAFileError extends Error {}

/**
 * A whole file on disk, with an open handle: whatever becomes of its name, its readers have its bytes to the end. The handle closes when the last
 * user lets go.
 *
 * A block's checksum is compared before its first byte is handed out, once while the handle is open.
 */
export class KeptFile {
  /** The object store is being asked. */
  private confirming: { readonly key: string; readonly answer: Promise<boolean> } | undefined;
  /** The row's key for which it has answered last. */
  private confirmedKey: string | undefined;
  touchedAt = -Infinity;
  private users = 1;
  private readonly compared = new Map<number, Promise<void>>();

  private constructor(
    readonly header: FileHeader,
    private readonly handle: FileHandle,
    private readonly checksums: Uint32Array,
    /** Tells two files under one name apart. */
    readonly inode: number,
  ) {}

  /**
   * The caller is its first user. `undefined`: there is none.
   * @throws NotAFileError, what the file system says.
   */
  static async open(path: string): Promise<KeptFile | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if (fileErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const [stats, header] = await Promise.all([handle.stat(), headerIn(handle)]);
      if (!header) throw new NotAFileError('its header is damaged');
      if (stats.size !== fileBytes(header.size)) throw new NotAFileError('it is not whole');
      const trailer = await bytesAt(handle, headerBytes + header.size, trailerBytes(header.size));
      const checksums = trailer && decodeTrailer(trailer);
      if (!checksums) throw new NotAFileError('its checksums are damaged');
      return new KeptFile(header, handle, checksums, stats.ino);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Whether the object store has vouched for it, for some row, since the feed of purges was last interrupted. */
  get isConfirmed(): boolean {
    return this.confirmedKey !== undefined;
  }

  /** Whether it has done so for a row of this key. What it says of one object says nothing of the object that another row names. */
  isConfirmedFor(key: string): boolean {
    return this.confirmedKey === key;
  }

  /**
   * Asks once, however many wait for the answer to one key. 1. The object store is asked; 2. a purge is missed; 3. the answer of before it comes: it is for
   * those who asked then, and whoever comes after 2 asks anew.
   */
  confirm(key: string, ask: () => Promise<boolean>): Promise<boolean> {
    if (this.confirming?.key === key) return this.confirming.answer;
    const answer = ask()
      .then((isConfirmed) => {
        if (isConfirmed && this.confirming === confirming) this.confirmedKey = key;
        return isConfirmed;
      })
      .finally(() => {
        if (this.confirming === confirming) this.confirming = undefined;
      });
    const confirming = { key, answer };
    this.confirming = confirming;
    return answer;
  }

  /** Purges may have been missed. */
  distrust(): void {
    this.confirmedKey = undefined;
    this.confirming = undefined;
  }

  /** Whether its handle had to make room for others. */
  get isClosed(): boolean {
    return this.users === 0;
  }

  /** False: it is closed. */
  enter(): boolean {
    if (this.users === 0) return false;
    this.users++;
    return true;
  }

  /** To be called once by each user. */
  leave(): void {
    if (--this.users === 0) void this.handle.close().catch(() => undefined);
  }

  /** Whether no name leads to it any more. */
  async isUnlinked(): Promise<boolean> {
    return (await this.handle.stat()).nlink === 0;
  }

  /** Remembers the use for eviction. */
  async touch(at: Date): Promise<void> {
    await this.handle.utimes(at, at);
  }

  /** Bytes in one read, if they are few; else, and where it is closed, `undefined`. @throws ObjectDamagedError as `pieces` does. */
  async atOnce(start: number, end: number): Promise<Buffer | undefined> {
    const block = Math.floor(start / blockBytes);
    if (end - start >= pieceBytes || end >= (block + 1) * blockBytes || !this.enter()) return undefined;
    try {
      await (this.compared.get(block) ?? this.compare(block, Math.min((block + 1) * blockBytes, this.header.size)));
      return await this.read(start, end + 1 - start);
    } finally {
      this.leave();
    }
  }

  /** @throws ObjectDamagedError before the first byte of a block that has changed on disk. */
  async *pieces(start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
    if (!this.enter()) throw new NotAFileError('it is closed');
    try {
      for (let at = start; at <= end;) {
        const block = Math.floor(at / blockBytes);
        const blockEnd = Math.min((block + 1) * blockBytes, this.header.size);
        await (this.compared.get(block) ?? this.compare(block, blockEnd));
        const piece = await this.read(at, Math.min(pieceBytes, blockEnd - at, end + 1 - at));
        at += piece.length;
        yield piece;
      }
    } finally {
      this.leave();
    }
  }

  /** Reads all of it. @throws ObjectDamagedError */
  async compareAll(): Promise<void> {
    for (let block = 0; block < this.checksums.length; block++) {
      await this.compare(block, Math.min((block + 1) * blockBytes, this.header.size));
    }
  }

  private compare(block: number, blockEnd: number): Promise<void> {
    const comparing = this.checksumOf(block * blockBytes, blockEnd).then((checksum) => {
      if (checksum !== this.checksums[block]) throw this.damaged(`block ${block} of its copy on disk has changed`);
    });
    this.compared.set(block, comparing);
    return comparing;
  }

  private async checksumOf(start: number, end: number): Promise<number> {
    let checksum = 0;
    for (let at = start; at < end; at += pieceBytes) {
      checksum = crc32(await this.read(at, Math.min(pieceBytes, end - at)), checksum);
    }
    return checksum;
  }

  private async read(at: number, length: number): Promise<Buffer> {
    const piece = await bytesAt(this.handle, headerBytes + at, length);
    if (!piece) throw this.damaged('its copy on disk was cut');
    return piece;
  }

  private damaged(problem: string): ObjectDamagedError {
    return new ObjectDamagedError(this.header.uid, problem);
  }
}
