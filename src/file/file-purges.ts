import { rm } from 'node:fs/promises';
import { syncRemoval } from '../object/folder-object-file.js';
import type { FilePlace } from './file-place.js';
import type { FilesFolder } from './files-folder.js';
import type { FolderRemoval } from './folder-removal.js';
import type { FilesTuning } from './files-tuning.js';

/** Passes over the unfinished files: one is enough but for those that came into being meanwhile. */
const maxPasses = 10;

/** Takes copies away. Whoever asks for a file that is being purged waits until it is. */
export class FilePurges {
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly folder: FilesFolder,
    private readonly tuning: FilesTuning,
  ) {}

  /** `undefined`: none is under way. */
  of({ id }: FilePlace): Promise<void> | undefined {
    return this.running.get(id);
  }

  /** Every copy on this host. @throws what the file system says. */
  async purge(place: FilePlace): Promise<void> {
    const begun = this.folder.room.beginRemoval();
    const run = begun
      .then((removal) => this.remove(place, removal))
      .finally(() => {
        if (this.running.get(place.id) === run) this.running.delete(place.id);
      });
    this.running.set(place.id, run);
    try {
      await run;
    } finally {
      await (await begun).settle();
    }
  }

  /**
   * After this no power cut brings back what was purged. Also where there is nothing to purge: an earlier purge may have failed before its sync.
   *
   * @throws what the file system says.
   */
  async makeLasting({ folder }: FilePlace): Promise<void> {
    await syncRemoval(folder);
  }

  /**
   * Unfinished files first, the whole one after them, the right to fill last: 1. a download renames its file before it is removed here, and the whole
   * one is removed after; 2. it comes to rename when it was removed, and finds nothing. Whoever fills it then began after this.
   */
  private async remove(place: FilePlace, removal: FolderRemoval): Promise<void> {
    const takesParts = !this.tuning.without.has('purged-parts');
    if (takesParts) {
      for (let pass = 0; pass < maxPasses; pass++) {
        const parts = await place.parts();
        if (parts.length === 0) break;
        for (const part of parts) await removal.unlink(part);
      }
    }
    await removal.unlink(place.path);
    if (takesParts) await rm(place.lock, { force: true });
  }
}
