import { randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { lstat, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { syncFolders } from '../object/folder-object-file.js';
import { systemClock } from '../value/clock.js';
import type { Clock, Timer } from '../value/clock.js';
import { UsageError } from './usage-error.js';

/** What a process left behind that was killed is removed after this long. */
const leftBehindMs = 24 * 3_600_000;

/** A running process marks its unfinished files as changed this often: most of them are written at the end only. */
const touchMs = 3_600_000;

/**
 * A file that gets its name only once it is whole. Until then it is `NAME.UUID.unfinished` beside it: two runs into one name never write into one file.
 * Its owner alone may read it.
 */
export class OutputFile {
  private written: WriteStream | undefined;
  private touching: Timer | undefined;

  private constructor(
    private readonly path: string,
    private readonly unfinished: string,
    private readonly handle: FileHandle,
    private readonly clock: Clock,
  ) {
    this.touchLater();
  }

  /** @throws UsageError where something else than a file has this name, or its folder is missing. @throws what the system says. */
  static async begin(path: string, clock: Clock = systemClock): Promise<OutputFile> {
    await assertNamesFile(path);
    await removeLeftBehind(path, clock.now());
    const unfinished = `${path}.${randomUUID()}.unfinished`;
    return new OutputFile(path, unfinished, await created(unfinished, dirname(path)), clock);
  }

  /** What it holds. To be written to its end before `finish`. */
  stream(): WriteStream {
    return (this.written = this.handle.createWriteStream({ flush: true }));
  }

  /** As all that it holds. */
  async write(text: string): Promise<void> {
    try {
      await this.handle.writeFile(text);
      await this.handle.sync();
    } finally {
      await this.handle.close();
    }
  }

  /**
   * Gives them their names in this order, over what has these by now. Nothing of this process comes in between, and hardly anything of another: a backup and
   * the manifest of another run don't belong together. Resolves once the names last. @throws what the system says.
   */
  static async finish(files: readonly OutputFile[]): Promise<void> {
    for (const { unfinished, path, touching } of files) {
      touching?.cancel();
      renameSync(unfinished, path);
    }
    for (const folder of new Set(files.map(({ path }) => dirname(path)))) await syncFolders(folder, folder);
  }

  /** Closes it, whoever may still be writing, and removes it where it has no name yet. */
  async giveUp(): Promise<void> {
    this.touching?.cancel();
    this.written?.destroy();
    await this.handle.close().catch(() => {});
    await rm(this.unfinished, { force: true });
  }

  private touchLater(): void {
    this.touching = this.clock.after(touchMs, () => {
      const now = this.clock.now() / 1_000;
      // Somebody may have removed it: its end says so.
      void utimes(this.unfinished, now, now).catch(() => {});
      this.touchLater();
    });
  }
}

async function created(path: string, folder: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new UsageError(`there is no folder ${folder}`);
  }
}

/** Else the name is refused at the end only, or takes the place of a device. */
async function assertNamesFile(path: string): Promise<void> {
  try {
    // Resolved: an empty name is that of the current folder.
    if ((await stat(resolve(path))).isFile()) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  throw new UsageError(`${path === '' ? "''" : path} is no file, and can't be replaced by one: name a file`);
}

async function removeLeftBehind(path: string, now: number): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => isUnfinished(one, basename(path)))) {
    const left = join(folder, name);
    // Somebody else may be faster, or own it.
    const changedMs = await lstat(left).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    if (now - changedMs > leftBehindMs) await rm(left, { force: true }).catch(() => {});
  }
}

function isUnfinished(name: string, of: string): boolean {
  return (
    name.startsWith(`${of}.`) && /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.unfinished$/.test(name.slice(of.length))
  );
}
