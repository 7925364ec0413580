import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { ObjectDamagedError } from '../object/object-errors.js';
import type { Clock } from '../value/clock.js';
import { entriesOf } from './folder-scan.js';
import { KeptFile, NotAFileError } from './kept-file.js';
import type { FilesFolder } from './files-folder.js';

/** What a look at every file has found. Paths are below the folder. */
export interface FilesReport {
  /** Whole files whose every byte is right. */
  readonly files: number;
  /** Bytes that those take. */
  readonly bytes: number;
  /** Files that are not what their checksums say. */
  readonly damaged: readonly string[];
  /** Unfinished files: of downloads under way, and of those that may be gone on with. */
  readonly unfinished: readonly string[];
  /** What this library has not put there. It is never touched. */
  readonly strangers: readonly string[];
  /** Whether what is damaged was removed. */
  readonly repaired: boolean;
}

/** Reads all copies. It takes as long as reading the disk does; downloads and readers go on. */
export async function checkFiles(
  { root, room }: FilesFolder,
  { repair, clock }: { readonly repair: boolean; readonly clock: Clock },
): Promise<FilesReport> {
  const found = { damaged: [] as string[], unfinished: [] as string[], strangers: [] as string[] };
  let files = 0;
  let bytes = 0;
  for await (const entry of entriesOf(root)) {
    const path = relative(root, entry.path);
    if (entry.kind === 'part') found.unfinished.push(path);
    else if (entry.kind === 'stranger') found.strangers.push(path);
    else if (entry.kind === 'file') {
      const outcome = await outcomeOf(entry.path);
      if (outcome === 'right') {
        files++;
        bytes += entry.bytes;
      } else if (outcome === 'damaged') {
        found.damaged.push(path);
        if (repair) await rm(entry.path, { force: true });
      }
    }
    await clock.sleep(0);
  }
  if (repair) await room.recount();
  return { files, bytes, ...found, repaired: repair };
}

async function outcomeOf(path: string): Promise<'right' | 'damaged' | 'gone'> {
  try {
    const file = await KeptFile.open(path);
    if (!file) return 'gone';
    try {
      await file.compareAll();
      return 'right';
    } finally {
      file.leave();
    }
  } catch (error) {
    if (error instanceof NotAFileError || error instanceof ObjectDamagedError) return 'damaged';
    throw error;
  }
}
