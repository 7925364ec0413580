import { mkdir, open, rm } from 'node:fs/promises';
import { fileErrorCode } from '../object/folder-object-file.js';
import { ObjectChangedError, ObjectNotFoundError } from '../object/object-errors.js';
import type { ObjectHead, OpenedObject } from '../object/object-store.js';
import type { FileLock } from '../store/disk/file-lock.js';
import { DownloadTrust } from './download-trust.js';
import { writeAt } from './file-bytes.js';
import { encodeHeader, encodeState, fileBytes, headerBytes, isFillFor, statePosition } from './file-header.js';
import type { FileHeader } from './file-header.js';
import type { FilePlace } from './file-place.js';
import type { FilesFolder } from './files-folder.js';
import type { FilesTuning } from './files-tuning.js';
import { Fill } from './fill.js';
import { FillTurns } from './fill-turns.js';
import type { Reservation } from './folder-room.js';
import { GrowingFile } from './growing-file.js';
import type { Takeover } from './growing-file.js';
import { headerOfObject, reportOtherSize } from './header-of-object.js';
import type { KeptFile } from './kept-file.js';
import type { KeptFiles } from './kept-files.js';
import type { FileRequest } from './tiered-file.js';
import type { ResolvedFilesOptions } from './tiered-files-options.js';
import { canBeGoneOnWith, claimBytes, openUnfinished } from './unfinished-file.js';
import type { UnfinishedFile } from './unfinished-file.js';

/** Where a file can be read: from a copy, from one in the making, or from the object store alone. */
export type Source = KeptFile | GrowingFile | ObjectHead;

/** Makes copies: of the processes of a host one downloads, and the others read its unfinished file. */
export class FileSources {
  readonly trust: DownloadTrust;
  /** Files that are being filled, as far as this process takes part. */
  private readonly growing = new Map<string, GrowingFile>();
  private readonly turns: FillTurns;
  /** Downloads under way, those too that a purge has dropped. Each ends with its promise. */
  private readonly fills = new Map<Fill, Promise<void>>();
  private isClosed = false;

  constructor(
    private readonly options: ResolvedFilesOptions,
    private readonly tuning: FilesTuning,
    private readonly folder: FilesFolder,
    private readonly kept: KeptFiles,
  ) {
    this.turns = new FillTurns(options.maxConcurrentFills);
    this.trust = new DownloadTrust(options);
  }

  /** Of a file that has no copy. @throws what the object store says. */
  async find(place: FilePlace, request: FileRequest): Promise<Source> {
    if (this.isTooLarge(request.size ?? 0)) return this.trust.head(request);
    const known = this.growing.get(place.id);
    if (known) {
      // One for another row goes on for its own readers, and is not this one's file.
      if (!isFillFor(known.header, request)) return this.trust.head(request);
      if (await known.isCurrent()) return known;
      this.forget(known);
    }
    const { clock } = this.options;
    const startedAt = clock.monotonic();
    while (clock.monotonic() - startedAt < this.tuning.patienceMs) {
      const lock = await this.tryLead(place);
      if (lock) return this.lead(place, request, lock);
      const followed = await this.follow(place, request);
      if (followed) return followed;
      const kept = await this.kept.find(place);
      if (kept) return isFillFor(kept.header, request) ? kept : this.trust.head(request);
      await clock.sleep(this.tuning.pollMs);
    }
    return this.trust.head(request);
  }

  /** A purge: whoever comes now begins anew. */
  drop({ id }: FilePlace): void {
    this.growing.delete(id);
  }

  get growingFiles(): readonly GrowingFile[] {
    return [...this.growing.values()];
  }

  get fillsNow(): number {
    return this.fills.size;
  }

  /** Ends all downloads, and those that would begin later. Unfinished files stay for whoever goes on. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const fill of this.fills.keys()) fill.cancel();
    await Promise.all(this.fills.values());
  }

  private isTooLarge(size: number): boolean {
    return size > this.options.maxFileBytes;
  }

  private async tryLead(place: FilePlace): Promise<FileLock | undefined> {
    await mkdir(place.folder, { recursive: true, mode: 0o700 });
    if (this.tuning.without.has('one-leader')) return { isHeld: async () => true, release: async () => undefined };
    return this.folder.locks.tryTake(place.lock);
  }

  /** Another process fills it: its file, or what the store says where that is not what is asked for. `undefined`: it has not begun to write. */
  private async follow(place: FilePlace, request: FileRequest): Promise<GrowingFile | ObjectHead | undefined> {
    if (this.tuning.without.has('one-leader')) return undefined;
    for (const part of await place.parts()) {
      const found = await openUnfinished(part);
      if (!found) continue;
      let isFollowed = false;
      try {
        const { header, state } = found;
        if (!header || state !== 'filling') continue;
        const head = await this.trust.insteadOf(header, request);
        if (head) return head;
        isFollowed = true;
        return this.enlist(place, found, header);
      } finally {
        if (!isFollowed) await found.handle.close();
      }
    }
    return undefined;
  }

  private async lead(place: FilePlace, request: FileRequest, lock: FileLock): Promise<Source> {
    const endTurn = await this.turns.take();
    try {
      const kept = await this.kept.find(place);
      const source =
        kept ?? (await this.resume(place, request, lock, endTurn)) ?? (await this.begin(place, request, lock, endTurn));
      if (source instanceof GrowingFile) return source;
      await lock.release();
      endTurn();
      return source;
    } catch (error) {
      endTurn();
      await lock.release().catch(() => undefined);
      throw error;
    }
  }

  /** Goes on with what another download has left, if it is of the version that the store has now. All else that is unfinished goes. */
  private async resume(
    place: FilePlace,
    request: FileRequest,
    lock: FileLock,
    endTurn: () => void,
  ): Promise<GrowingFile | undefined> {
    if (this.tuning.without.has('one-leader')) return undefined;
    for (const part of await place.parts()) {
      const found = await openUnfinished(part);
      if (!found) continue;
      const { header, available, handle } = found;
      if (header && canBeGoneOnWith(found, header, request)) {
        const binding = { range: { start: available }, ifMatch: header.etag, verify: false };
        let first: OpenedObject | undefined;
        try {
          const isComplete = available >= header.size;
          // Else the request for the rest tells.
          if (isComplete && (await this.trust.insteadOf(header, request))) throw new ObjectChangedError(request.key);
          first = isComplete ? undefined : await this.options.objects.open(request.key, binding);
          await writeAt(handle, encodeState('filling'), statePosition);
          const file = this.enlist(place, found, header);
          this.fill(file, request.key, lock, first, endTurn);
          return file;
        } catch (error) {
          first?.body.destroy();
          if (!(error instanceof ObjectChangedError || error instanceof ObjectNotFoundError)) {
            await handle.close();
            throw error;
          }
        }
      }
      await handle.close();
      await this.folder.room.remove(part);
    }
    return undefined;
  }

  private async begin(
    place: FilePlace,
    request: FileRequest,
    lock: FileLock,
    endTurn: () => void,
  ): Promise<GrowingFile | ObjectHead> {
    const { room } = this.folder;
    // Before the request: a purge that comes between has something to take away.
    const part = place.newPart();
    const handle = await open(part, 'wx+', 0o600);
    let opened: OpenedObject | undefined;
    let reservation: Reservation = 'full';
    try {
      const begunAt = this.options.clock.now();
      opened = await this.options.objects.open(request.key, { verify: false });
      reportOtherSize(this.options.name, request, opened);
      const header = headerOfObject(request, opened, begunAt);
      const block = encodeHeader(header);
      if (block && !this.isTooLarge(header.size)) {
        reservation = await room.reserve(fileBytes(header.size), () => claimBytes(handle, block));
      }
      // What was purged meanwhile is filled for its readers alone.
      if (reservation !== 'full') {
        const inode = (await handle.stat()).ino;
        const file = this.enlist(place, { part, handle, inode, available: 0 }, header);
        this.fill(file, request.key, lock, opened, endTurn);
        return file;
      }
    } catch (error) {
      opened?.body.destroy();
      await handle.close().catch(() => undefined);
      await (reservation === 'reserved' ? room.remove(part) : rm(part, { force: true })).catch(() => undefined);
      if (opened && fileErrorCode(error) !== undefined) {
        this.folder.failed(error);
        return opened;
      }
      throw error;
    }
    opened.body.destroy();
    await handle.close();
    await rm(part, { force: true });
    return opened;
  }

  private fill(
    file: GrowingFile,
    key: string,
    lock: FileLock,
    first: OpenedObject | undefined,
    endTurn: () => void,
  ): void {
    const { options: files, tuning, folder } = this;
    const fill = new Fill({ files, tuning, room: folder.room, key, file, lock, first });
    if (this.isClosed) fill.cancel();
    const ended = fill.run().finally(() => {
      endTurn();
      this.fills.delete(fill);
    });
    this.fills.set(fill, ended);
  }

  /** The process that filled it has stopped: this one goes on, unless another one does or the file was purged. */
  private async takeOver(file: GrowingFile, key: string): Promise<Takeover> {
    if (this.tuning.without.has('takeover')) return 'held';
    const lock = await this.folder.locks.tryTake(file.place.lock);
    if (!lock) return (await file.isCurrent()) ? 'held' : 'gone';
    let size: number | undefined;
    try {
      if (await file.isCurrent()) ({ size } = await file.handle.stat());
    } catch (error) {
      await lock.release().catch(() => undefined);
      throw error;
    }
    // Its last reader may have left meanwhile: it has ended then, and may be closed.
    if (size === undefined || file.state !== 'filling' || this.isClosed) {
      await lock.release();
      return 'gone';
    }
    if (size >= fileBytes(file.header.size)) {
      // It was complete all the time, and the one who filled it has gone.
      await lock.release();
      file.advance(file.header.size);
      return 'whole';
    }
    file.available = Math.min(file.header.size, Math.max(0, size - headerBytes));
    this.fill(file, key, lock, undefined, () => undefined);
    return 'leading';
  }

  private enlist(
    place: FilePlace,
    unfinished: Omit<UnfinishedFile, 'header' | 'state'>,
    header: FileHeader,
  ): GrowingFile {
    const { clock } = this.options;
    const file = new GrowingFile({
      ...unfinished,
      place,
      header,
      clock,
      tuning: this.tuning,
      takeOver: (one) => this.takeOver(one, header.key),
      onEnd: (one) => this.forget(one),
    });
    this.growing.set(place.id, file);
    return file;
  }

  private forget(file: GrowingFile): void {
    if (this.growing.get(file.place.id) === file) this.growing.delete(file.place.id);
  }
}
