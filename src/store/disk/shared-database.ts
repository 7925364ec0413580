import { realpath } from 'node:fs/promises';
import { DiskDatabase } from './disk-database.js';
import type { DiskTuning } from './disk-tuning.js';
import type { LendableShard } from './lent-shard.js';
import { makeFolders } from './private-folder.js';

/** A database as one of its stores in this process holds it. */
export interface SharedDatabase {
  readonly database: DiskDatabase;
  /** The last to release it closes it. */
  release(): Promise<void>;
}

interface Entry {
  readonly opening: Promise<DiskDatabase>;
  holders: number;
}

/** LMDB must not be opened twice in one process: the stores of one directory, by whatever path they name it, share it. */
const open = new Map<string, Entry>();
/** A database that is being closed is out of the way before it is opened again. */
const closing = new Map<string, Promise<void>>();

/**
 * @param lender carries out what other containers ask for, until it releases the database.
 * @throws InvalidOptionError without lmdb, else what the file system or lmdb says.
 */
export async function shareDatabase(
  name: string,
  directory: string,
  tuning: DiskTuning,
  lender: LendableShard,
): Promise<SharedDatabase> {
  await makeFolders(directory);
  const path = await realpath(directory);
  for (;;) {
    const entry = open.get(path) ?? begin(name, path, tuning);
    entry.holders++;
    const database = await entry.opening;
    if (!database.ended) {
      database.limit(tuning.maxBytes);
      database.lenders.add(lender);
      const release = (): Promise<void> => {
        database.lenders.delete(lender);
        return letGo(path, entry, database);
      };
      return { database, release: once(release) };
    }
    await letGo(path, entry, database);
  }
}

function begin(name: string, path: string, tuning: DiskTuning): Entry {
  const opening = (closing.get(path) ?? Promise.resolve()).then(() => DiskDatabase.open(name, path, tuning));
  const entry: Entry = { opening, holders: 0 };
  open.set(path, entry);
  opening.catch(() => forget(path, entry));
  return entry;
}

async function letGo(path: string, entry: Entry, database: DiskDatabase): Promise<void> {
  entry.holders--;
  if (entry.holders > 0 && !database.ended) return;
  forget(path, entry);
  const closed = database.close();
  closing.set(path, closed);
  await closed;
  if (closing.get(path) === closed) closing.delete(path);
}

function forget(path: string, entry: Entry): void {
  if (open.get(path) === entry) open.delete(path);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
