import { rename } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { fileErrorCode } from '../object/folder-object-file.js';
import { ObjectChangedError, ObjectDamagedError, ObjectNotFoundError } from '../object/object-errors.js';
import type { OpenedObject } from '../object/object-store.js';
import { RunningChecksum } from '../object/running-checksum.js';
import type { FileLock } from '../store/disk/file-lock.js';
import { channels, reportFault } from '../value/events.js';
import type { CacheEvents } from '../value/events.js';
import { bytesAt } from '../value/bytes-at.js';
import { pieceBytes, writeAt } from './file-bytes.js';
import { blockBytes, blocksOf, encodeState, encodeTrailer, headerBytes, statePosition } from './file-header.js';
import type { FillState } from './file-header.js';
import type { FilesTuning } from './files-tuning.js';
import type { FolderRoom } from './folder-room.js';
import type { GrowingFile } from './growing-file.js';
import type { ResolvedFilesOptions } from './tiered-files-options.js';

export interface FillOptions {
  readonly files: Pick<ResolvedFilesOptions, 'name' | 'objects' | 'durable' | 'clock'>;
  readonly tuning: FilesTuning;
  readonly room: FolderRoom;
  readonly key: string;
  readonly file: GrowingFile;
  readonly lock: FileLock;
  /** The answer that this download began with, if the file's head came with one. */
  readonly first: OpenedObject | undefined;
}

type Outcome = CacheEvents['fileFilled']['outcome'];

/**
 * One download into one unfinished file, until that has its final name. It goes on wherever the file ends: bytes of another process are read again for
 * the checksum, and the object store is asked for the rest of the same version.
 *
 * Bytes are written at explicit places. A process that stood still and wakes up beside its successor writes the same bytes to the same places, since
 * both insist on one version.
 */
export class Fill {
  private readonly ending = new AbortController();
  private readonly checksums: Uint32Array;
  private readonly checksum: RunningChecksum | undefined;
  private at = 0;

  constructor(private readonly options: FillOptions) {
    const { header } = options.file;
    this.checksums = new Uint32Array(blocksOf(header.size));
    this.checksum = header.checksum && new RunningChecksum(header.checksum);
  }

  /** Stops. The unfinished file stays for a while. */
  cancel(): void {
    this.ending.abort();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { file, lock, files } = this.options;
    const { clock, name } = files;
    const startedAt = clock.monotonic();
    const from = file.available;
    file.filling = this;
    let outcome: Outcome = 'given-up';
    try {
      outcome = await this.download();
    } catch (error) {
      outcome = await this.failed(error);
    } finally {
      this.options.first?.body.destroy();
      await lock.release().catch(() => undefined);
      file.stopFilling();
    }
    if (!channels.fileFilled.hasSubscribers) return;
    const durationMs = clock.monotonic() - startedAt;
    const { uid, size } = file.header;
    channels.fileFilled.publish({ cache: name, key: uid, outcome, bytes: size, from, durationMs });
  }

  private async download(): Promise<Outcome> {
    const { file, files } = this.options;
    const { size } = file.header;
    await this.readAgain();
    const held = this.at < size ? await this.receive() : undefined;
    if (this.checksum && !this.checksum.matches()) {
      throw new ObjectDamagedError(file.header.uid, `its ${this.checksum.expected.algorithm} checksum is wrong`);
    }
    if (held) await this.write(held, size - held.length);
    await this.write(encodeTrailer(this.checksums), size);
    if (files.durable) await file.handle.datasync();
    const isPublished = await this.publish();
    file.advance(size);
    return isPublished ? 'kept' : 'refused';
  }

  /** What another process, or an earlier try, has left. */
  private async readAgain(): Promise<void> {
    const { file } = this.options;
    while (this.at < file.available) {
      this.ending.signal.throwIfAborted();
      const piece = await bytesAt(file.handle, headerBytes + this.at, Math.min(pieceBytes, file.available - this.at));
      if (!piece) throw new Error('the unfinished file was cut');
      this.count(piece);
    }
  }

  /** @returns the last bytes, which are not written yet. */
  private async receive(): Promise<Buffer> {
    const { file, tuning } = this.options;
    const { size } = file.header;
    const { body } = this.options.first ?? (await this.open());
    const stop = (): void => void body.destroy();
    if (this.ending.signal.aborted) stop();
    this.ending.signal.addEventListener('abort', stop, { once: true });
    for await (const chunk of body) {
      this.ending.signal.throwIfAborted();
      const bytes = chunk as Buffer;
      const start = this.at;
      this.count(bytes);
      if (this.at === size && !tuning.without.has('holding-back')) return bytes;
      await this.write(bytes, start);
      file.advance(this.at);
      if (this.at === size) return Buffer.alloc(0);
    }
    throw new ObjectDamagedError(file.header.uid, `it ended at byte ${this.at} of ${size}`);
  }

  private open(): Promise<OpenedObject> {
    const { files, key, file, tuning } = this.options;
    const binding = tuning.without.has('binding') ? undefined : { ifMatch: file.header.etag };
    const range = { start: this.at };
    return files.objects.open(key, { range, verify: false, signal: this.ending.signal, ...binding });
  }

  private count(bytes: Buffer): void {
    this.checksum?.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const block = Math.floor(this.at / blockBytes);
      const part = bytes.subarray(at, at + blockBytes - (this.at % blockBytes));
      this.checksums[block] = crc32(part, this.checksums[block]);
      at += part.length;
      this.at += part.length;
    }
  }

  /** On a full disk once more, when room was made. */
  private async write(bytes: Buffer, position: number): Promise<void> {
    const { handle } = this.options.file;
    try {
      await writeAt(handle, bytes, headerBytes + position);
    } catch (error) {
      if (fileErrorCode(error) !== 'ENOSPC') throw error;
      await this.options.room.makeFree(this.options.file.header.size - position);
      await writeAt(handle, bytes, headerBytes + position);
    }
  }

  /** False: the file was purged meanwhile. The file system itself refuses, since there is nothing to rename. */
  private async publish(): Promise<boolean> {
    const { file } = this.options;
    try {
      await rename(file.part, file.place.path);
      return true;
    } catch (error) {
      if (fileErrorCode(error) !== 'ENOENT') throw error;
      return false;
    }
  }

  private async failed(error: unknown): Promise<Outcome> {
    if (this.ending.signal.aborted) return 'paused';
    const isChanged = error instanceof ObjectChangedError || error instanceof ObjectNotFoundError;
    const isDamaged = error instanceof ObjectDamagedError;
    const isOfDisk = fileErrorCode(error) !== undefined;
    const state = isChanged ? 'changed' : isDamaged ? 'damaged' : 'givenUp';
    await this.mark(state);
    const { file, files, room } = this.options;
    if (isChanged || isDamaged || isOfDisk) await room.remove(file.part).catch(() => undefined);
    file.end(state);
    reportFault({
      source: files.name,
      kind: isDamaged ? 'damaged' : isOfDisk ? 'degraded' : 'unavailable',
      key: file.header.uid,
      message: isOfDisk
        ? `The file can't be kept: the file system says ${fileErrorCode(error)}. Its readers go to the object store.`
        : 'The file could not be downloaded.',
      cause: error,
    });
    return isChanged ? 'changed' : isDamaged ? 'damaged' : 'given-up';
  }

  /** Followers of other processes read it from the file. */
  private async mark(state: FillState): Promise<void> {
    await writeAt(this.options.file.handle, encodeState(state), statePosition).catch(() => undefined);
  }
}
