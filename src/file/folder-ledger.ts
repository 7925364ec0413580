import { readFile, rename, rm } from 'node:fs/promises';
import { bootName } from '../store/disk/process-stamp.js';
import { writePrivateFile } from '../store/disk/private-folder.js';

/** What is written down of a folder's bytes. */
export interface LedgerEntry {
  /** Bytes in use and reserved. */
  readonly used: number;
  /** Which look at the whole folder the count goes back to. */
  readonly count: string;
}

/** One number for all processes of the host, so that a download need not look at every file. It is written by the holder of the room's lock alone. */
export class FolderLedger {
  constructor(private readonly path: string) {}

  /** `undefined`: nothing is written down since the machine has started. */
  async read(): Promise<LedgerEntry | undefined> {
    const [boot, used, count] = (await readFile(this.path, 'latin1').catch(() => '')).split(' ');
    if (boot !== bootName() || !used || !count || !Number.isSafeInteger(Number(used))) return undefined;
    return { used: Number(used), count };
  }

  /** Where it can't be written, on a full disk, nothing stands there. */
  async write({ used, count }: LedgerEntry): Promise<void> {
    const next = `${this.path}.new`;
    try {
      await writePrivateFile(next, `${bootName()} ${used} ${count}`);
      await rename(next, this.path);
    } catch {
      await rm(this.path, { force: true });
    }
  }
}
