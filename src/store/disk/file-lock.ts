import { randomUUID } from 'node:crypto';
import { lstat, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import type { Clock } from '../../value/clock.js';
import type { Liveness } from './liveness.js';

/** The right to open, close or set aside one folder, held by one opener of this host at a time. */
export interface FileLock {
  /** Whether the file still says so: asked before what can't be undone. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** Thrown where nobody can tell whether the holder of a mark still lives. The mark stays. */
export class UnjudgedHolderError extends Error {
  constructor(mark: string, holder: string) {
    super(`nobody can tell whether the holder of ${mark} still runs (${holder}): it is of another container or host`);
  }
}

export interface FileLockOptions {
  /** Names the opener that takes it. */
  readonly stamp: string;
  readonly livenessOf: (stamp: string) => Promise<Liveness>;
  readonly clock: Clock;
  /** How long a holder that lives is waited for. */
  readonly waitMs: number;
  /** How long one is waited for that can't be judged. */
  readonly unjudgedWaitMs: number;
}

const unwrittenForMs = 1_000;
const retryMs = 10;

/**
 * Takes the lock file, waiting for its holder; a holder that ended is thrown out, one that can't be judged is left alone.
 *
 * 1. A and B both read that the holder H is dead.  2. A moves H's file aside, finds H in it, deletes it and creates its own.
 * 3. B, late, moves the file aside and finds A in it, not H.  4. B puts it back. Should C have created the file between 3 and 4, A and
 * C both believe that they hold it; A learns otherwise from `isHeld` before it sets a folder aside, and a folder that was
 * set aside under an open database is noticed by its users within a second (`DiskFolder.isCurrent`).
 *
 * @throws what the file system says, Error when the holder keeps it for longer than `waitMs`, or UnjudgedHolderError.
 */
export async function takeFileLock(path: string, options: FileLockOptions): Promise<FileLock> {
  const { stamp, livenessOf, clock, waitMs, unjudgedWaitMs } = options;
  const token = `${stamp}-${randomUUID()}`;
  const startedAt = clock.monotonic();
  for (;;) {
    try {
      await create(path, token);
      return {
        isHeld: async () => (await contentOf(path)) === token,
        release: async () => {
          if ((await contentOf(path)) === token) await rm(path, { force: true });
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await contentOf(path);
    const state =
      holder === undefined ? 'ended' : holder === '' ? await unwritten(path, clock) : await livenessOf(holder);
    const waitedMs = clock.monotonic() - startedAt;
    if (holder !== undefined && state === 'ended') await throwOut(path, holder);
    else if (state === 'unknown' && waitedMs > unjudgedWaitMs) throw new UnjudgedHolderError(path, holder ?? '');
    else if (waitedMs > waitMs) throw new Error(`${path} is held by process ${holder ?? 'unknown'}`);
    else await clock.sleep(retryMs);
  }
}

/** Created and not yet written: a moment at most, unless its writer died in it. */
async function unwritten(path: string, clock: Clock): Promise<Liveness> {
  const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: Infinity }));
  return clock.now() - mtimeMs > unwrittenForMs ? 'ended' : 'running';
}

async function throwOut(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // Somebody else was faster.
  }
  const found = await contentOf(aside);
  if (found !== undefined && found !== holder) {
    await create(path, found).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

/**
 * A symbolic link that points nowhere: it comes into being together with what it says, and takes no block of a full disk. Windows asks
 * for a privilege for links, and gets a file.
 */
const create: (path: string, content: string) => Promise<void> =
  process.platform === 'win32'
    ? (path, content) => writeFile(path, content, { flag: 'wx' })
    : (path, content) => symlink(content, path);

async function contentOf(path: string): Promise<string | undefined> {
  return readlink(path)
    .catch(() => readFile(path, 'latin1'))
    .catch(() => undefined);
}
