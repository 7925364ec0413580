import type * as lmdbModule from 'lmdb';
import type { RootDatabase } from 'lmdb';
import { InvalidOptionError } from '../../value/errors.js';
import { installCommand } from '../../value/install-command.js';
import type { DiskKey } from './disk-key.js';
import { diskKeyEncoder } from './disk-key.js';
import { pageBytes } from './empty-data-file.js';

/** An open LMDB database, and what its type declarations leave out. */
export type Environment = RootDatabase<Uint8Array, DiskKey> & {
  /** Bytes of the record that the last read returned; the buffer that holds it is longer. */
  readonly lastSize: number;
};

/** What `getStats()` answers. */
export interface EnvironmentStats extends PageCounts {
  readonly pageSize: number;
  readonly entryCount: number;
  readonly lastPageNumber: number;
  readonly free: PageCounts;
}

interface PageCounts {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

export interface Lmdb {
  open(path: string): Environment;
  /** The number of the state that was read last. */
  lastVersion(): number;
}

export const maxReaders = 512;

/** lmdb reads into a buffer of 16 MiB; what doesn't fit is handed out as a view of the map, which the next writer may overwrite. */
export const readBufferBytes = 16 * 2 ** 20;

/**
 * Loads the package when it is needed: it is an optional peer.
 *
 * @throws InvalidOptionError where it isn't installed.
 */
export async function loadLmdb(): Promise<Lmdb> {
  let lmdb: typeof lmdbModule;
  try {
    lmdb = await import('lmdb');
  } catch (cause) {
    throw new InvalidOptionError(
      'diskStore',
      "it needs the package 'lmdb', which can't be loaded",
      `Run \`${installCommand('lmdb')}\`.`,
      { cause },
    );
  }
  return {
    open: (path) =>
      lmdb.open<Uint8Array, DiskKey>({
        path,
        noSubdir: false,
        encoding: 'binary',
        keyEncoder: diskKeyEncoder,
        useVersions: true,
        // The kernel keeps what a killed process wrote; what a power cut takes is settled by the clean mark (disk-folder.ts).
        noSync: true,
        overlappingSync: false,
        // A batch is written when it is handed over, not at the end of the turn.
        eventTurnBatching: false,
        pageSize: pageBytes,
        maxDbs: 1,
        maxReaders,
        // Address space, not memory: large enough that the map is hardly ever renewed. lmdb grows it when it must.
        mapSize: 2 ** 32,
      }) as Environment,
    // Asked of the module each time: where lmdb was loaded twice (as ESM and as CommonJS), opening replaces the export by the other's.
    lastVersion: () => lmdb.getLastVersion(),
  };
}

/** What lmdb throws: `code` is a number of LMDB's (negative) or of the system's. */
export function errorCode(error: unknown): number | string | undefined {
  return (error as { code?: number | string } | undefined)?.code;
}

const damageCodes = new Set<unknown>([-30797, -30796, -30795, -30794, -30793, -30780, -30779]);

/** PAGE_NOTFOUND, CORRUPTED, PANIC, VERSION_MISMATCH, INVALID, BAD_DBI, PROBLEM: no waiting mends it. */
export const isDamage = (error: unknown): boolean => damageCodes.has(errorCode(error));

/** lmdb rejects with a wrapper, whose own promise rejects with the reason: it must be caught, or it ends the process. */
export async function commitFailure(error: unknown): Promise<unknown> {
  const commitError = (error as { commitError?: Promise<never> } | undefined)?.commitError;
  if (!commitError) return error;
  try {
    return await commitError;
  } catch (cause) {
    return cause;
  }
}
