import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { Clock, Timer } from '../value/clock.js';
import { KeptFile, NotAFileError } from './kept-file.js';
import type { FilePlace } from './file-place.js';

export interface KeptFilesOptions {
  readonly clock: Clock;
  /** Handles that stay open while nobody reads. */
  readonly maxOpen: number;
  /** A file that could not be read was removed. */
  readonly onDamage: (place: FilePlace, error: unknown) => void;
}

/** A use is written to disk at most so often. */
const touchMs = 60_000;
/** How often handles of files that others have removed are closed, so that the disk gets its room back. */
const sweepMs = 10_000;

/** The whole files of the folder. Some stay open, so that a hit costs one look at the name and the reading itself. */
export class KeptFiles {
  private readonly open: LRUCache<string, KeptFile>;
  private sweep: Timer | undefined;

  constructor(private readonly options: KeptFilesOptions) {
    this.open = new LRUCache({ max: options.maxOpen, dispose: (file) => file.leave() });
  }

  /**
   * The file that stands under the name now; `undefined`: none. It stays open for a while: `pieces` soon after finds it so.
   * @throws what the file system says, but for ENOENT.
   */
  async find(place: FilePlace): Promise<KeptFile | undefined> {
    const known = this.open.get(place.id);
    if (known) {
      const inode = inodeOf(place.path);
      if (inode === known.inode) return this.used(known);
      if (this.open.peek(place.id) === known) this.open.delete(place.id);
      if (inode === undefined) return undefined;
    }
    try {
      const file = await KeptFile.open(place.path);
      if (!file) return undefined;
      // Of several who open it at once one is kept open: the others' would close under their readers.
      const other = this.open.peek(place.id);
      if (other?.inode === file.inode) {
        file.leave();
        return this.used(other);
      }
      this.open.set(place.id, file);
      this.sweepLater();
      return this.used(file);
    } catch (error) {
      if (!(error instanceof NotAFileError)) throw error;
      await rm(place.path, { force: true });
      this.options.onDamage(place, error);
      return undefined;
    }
  }

  /** If it is open. Not a use. */
  peek({ id }: FilePlace): KeptFile | undefined {
    return this.open.peek(id);
  }

  forget({ id }: FilePlace): void {
    this.open.delete(id);
  }

  /** Purges may have been missed: the object store has to vouch for each again. */
  distrust(): void {
    for (const file of this.open.values()) file.distrust();
  }

  close(): void {
    this.sweep?.cancel();
    this.open.clear();
  }

  private used(file: KeptFile): KeptFile {
    const { clock } = this.options;
    const at = clock.monotonic();
    if (at - file.touchedAt >= touchMs) {
      file.touchedAt = at;
      void file.touch(new Date(clock.now())).catch(() => undefined);
    }
    return file;
  }

  private sweepLater(): void {
    this.sweep ??= this.options.clock.after(sweepMs, () => {
      this.sweep = undefined;
      void this.sweepNow();
    });
  }

  private async sweepNow(): Promise<void> {
    for (const [id, file] of [...this.open.entries()]) {
      const isGone = await file.isUnlinked().catch(() => true);
      if (isGone && this.open.peek(id) === file) this.open.delete(id);
    }
    if (this.open.size > 0) this.sweepLater();
  }
}

/**
 * Of a path whose file is open. It does not wait for the disk, since an open file keeps its own and its folders' entries in memory: it takes 2 µs, where
 * a look by another thread takes 30.
 */
const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
