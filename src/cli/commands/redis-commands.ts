import { createReadStream, existsSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { BackupProgress } from '../../backup/backup-progress.js';
import { parseManifest } from '../../backup/backup-manifest.js';
import type { BackupManifest } from '../../backup/backup-manifest.js';
import { redisBackupWith } from '../../backup/redis-backup.js';
import type { RedisBackup } from '../../backup/redis-backup.js';
import { verifyBackup } from '../../backup/verify-backup.js';
import { redisVariables } from '../../cache/configuration/environment.js';
import { parsed } from '../arguments.js';
import type { OptionTypes } from '../arguments.js';
import type { Command, Output } from '../command.js';
import { OutputFile } from '../output-file.js';
import { UsageError } from '../usage-error.js';

const manifestOption = { manifest: { type: 'string' } } as const;
const backupOptions = { ...manifestOption, url: { type: 'string' }, complete: { type: 'boolean' } } as const;
const restoreOptions = { ...manifestOption, url: { type: 'string' }, replace: { type: 'boolean' } } as const;

/** `backup redis FILE|- [--complete] [--manifest FILE]` */
export const backupCommand: Command = {
  usage: 'backup redis FILE|- [--complete] [--manifest FILE]',
  summary: 'the keys of Redis without an expiration, and a manifest beside them',
  details: [
    'Keeps the keys that were there throughout; --complete: all that the server lists meanwhile.',
    '-: to standard output, with --manifest. --url URL says which Redis; default CACHE_REDIS_URL.',
    'Without --complete, it needs as much room again while it runs: beside FILE, or for - in the folder for temporary files (TMPDIR).',
    'Exit code 1: there is no backup; what is printed says why.',
  ],
  run: takeToFile,
};

async function takeToFile(args: readonly string[], output: Output): Promise<number> {
  const { file, values } = read(args, backupOptions);
  const toStandardOutput = file === '-';
  const manifestFile = values.manifest ?? (toStandardOutput ? undefined : `${file}.manifest.json`);
  if (manifestFile === undefined) throw new UsageError('say where the manifest goes: --manifest FILE');
  if (!toStandardOutput && resolve(file) === resolve(manifestFile)) {
    throw new UsageError(`${file} can't be both the backup and the manifest`);
  }
  if (toStandardOutput && process.stdout.isTTY) throw new UsageError('standard output is a terminal: redirect it');
  return untilInterrupted(output, (signal) =>
    onRedis(values.url, async (backup) => {
      const begun: OutputFile[] = [];
      const begin = async (path: string): Promise<OutputFile> => {
        const begunNow = await OutputFile.begin(path);
        begun.push(begunNow);
        return begunNow;
      };
      try {
        // Begun before Redis is asked for anything: a backup takes long, and is worth nothing where its manifest can't be written.
        // The backup first: it gets its name first, and a manifest is never there without it.
        const backupOutput = toStandardOutput ? undefined : await begin(file);
        const manifestOutput = await begin(manifestFile);
        const stream: Writable = backupOutput?.stream() ?? process.stdout;
        const manifest = await backup.take(stream, {
          mode: values.complete ? 'complete' : 'strict',
          onProgress: tellOn(output),
          signal,
          // Beside the backup there has to be room for it; folders for such things are often small.
          ...(!toStandardOutput && { spoolFolder: dirname(file) }),
        });
        if (!toStandardOutput) {
          stream.end();
          await finished(stream);
        }
        await manifestOutput.write(`${JSON.stringify(manifest, undefined, 2)}\n`);
        await OutputFile.finish(begun);
        const { records, bytes, skipped } = manifest;
        const left = `${skipped.expiring} expire, ${skipped.vanished} went and ${skipped.appeared} came meanwhile`;
        output.err(`${records} keys in ${bytes} bytes; not in it: ${left}. Keep ${manifestFile} beside it.\n`);
        return 0;
      } catch (error) {
        for (const one of begun) await one.giveUp();
        throw error;
      }
    }),
  );
}

/** Ctrl-C, or a terminal that is closed, ends the command in order, and a second one at once. */
async function untilInterrupted(output: Output, act: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const interrupted = new AbortController();
  let code = 0;
  const listeners = (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const
  ).map(([name, its]) => {
    const listener = (): void => {
      code = its;
      interrupted.abort(new Error(`interrupted by ${name}`));
    };
    process.once(name, listener);
    return () => process.removeListener(name, listener);
  });
  try {
    return await act(interrupted.signal);
  } catch (error) {
    if (error !== interrupted.signal.reason) throw error;
    output.err(`tiered-cache: ${(error as Error).message}\n`);
    return code;
  } finally {
    for (const stop of listeners) stop();
  }
}

/** `verify redis FILE [--manifest FILE]` */
export const verifyCommand: Command = {
  usage: 'verify redis FILE [--manifest FILE]',
  summary: 'reads a backup without a server: lengths, checksums, the manifest',
  details: [
    'Without its manifest it can not be told whether the end of a backup is missing, and that is said.',
    'Exit code 1: the backup is damaged.',
  ],
  run: verifyFile,
};

async function verifyFile(args: readonly string[], output: Output): Promise<number> {
  const { file, values } = read(args, manifestOption);
  const manifest = await manifestOf(file, values.manifest);
  // Before there is a stream of it: nobody would listen to its error meanwhile.
  const { size } = await stat(file);
  const { records, bytes, sha256, endIsKnown } = await verifyBackup(createReadStream(file, readAhead), {
    manifest,
    expectedBytes: size,
    onProgress: tellOn(output),
  });
  output.out(`${file}: ${records} keys in ${bytes} bytes, SHA-256 ${sha256}. ${endIsKnown ? 'Whole.' : endUnknown}\n`);
  return 0;
}

/** `restore redis FILE [--replace] [--manifest FILE]` */
export const restoreCommand: Command = {
  usage: 'restore redis FILE [--replace] [--manifest FILE]',
  summary: 'restores a backup, once all of it was verified',
  details: [
    'Damage, keys in the way, or dumps that are newer than the server: nothing happens. --replace: keys in the way are replaced.',
    '--url URL says which Redis; default CACHE_REDIS_URL.',
    'Exit code 1: nothing was restored, or not all of it; what is printed says which.',
  ],
  run: restoreFile,
};

async function restoreFile(args: readonly string[], output: Output): Promise<number> {
  const { file, values } = read(args, restoreOptions);
  const manifest = await manifestOf(file, values.manifest);
  return untilInterrupted(output, (signal) =>
    onRedis(values.url, async (backup) => {
      let isRestoring = false;
      const tell = tellOn(output);
      // Opened once: what is restored has been verified, whatever gets its name meanwhile.
      const opened = await open(file);
      try {
        const restored = await backup.restore(() => opened.createReadStream(fromItsBeginning), {
          manifest,
          replace: values.replace ?? false,
          expectedBytes: (await opened.stat()).size,
          onProgress: (progress) => {
            isRestoring ||= progress.phase === 'restoring';
            tell(progress);
          },
          signal,
        });
        const end = restored.endIsKnown ? '' : ` ${endUnknown}`;
        const left =
          restored.leftOut > 0 ? ` ${restored.leftOut} were left out: what caches keep, or notes of documents.` : '';
        output.out(
          `${restored.records} keys restored, ${restored.replaced} of them in place of others.${left}${end}\n`,
        );
        return 0;
      } catch (error) {
        if (isRestoring) output.err('Some keys may be restored by now. Run it again with --replace.\n');
        throw error;
      } finally {
        await opened.close();
      }
    }),
  );
}

const readAhead = { highWaterMark: 2 ** 20 };
const fromItsBeginning = { ...readAhead, start: 0, autoClose: false };
const endUnknown = 'Without its manifest it can not be told whether the end is missing.';

async function onRedis(url: string | undefined, use: (backup: RedisBackup) => Promise<number>): Promise<number> {
  const given = url ?? process.env[redisVariables.url];
  if (given === undefined || given === '') throw new UsageError('say which Redis: --url URL, or CACHE_REDIS_URL');
  const urlName = url === undefined ? redisVariables.url : '--url';
  const backup = redisBackupWith({ connection: { url: given } }, { urlName });
  try {
    return await use(backup);
  } finally {
    await backup.close();
  }
}

/** The manifest of a backup that is there: the one that was named, or the one that stands beside the backup. */
async function manifestOf(file: string, named: string | undefined): Promise<BackupManifest | undefined> {
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`);
  const path = named ?? `${file}.manifest.json`;
  try {
    return parseManifest(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (named !== undefined) throw new UsageError(`there is no manifest ${named}`);
    return undefined;
  }
}

function read<O extends OptionTypes>(args: readonly string[], options: O) {
  const { positionals, values } = parsed(args, options);
  const [kind, file, ...more] = positionals;
  if (kind !== 'redis') throw new UsageError("say what: 'redis'");
  if (file === undefined || more.length > 0) throw new UsageError('give one FILE');
  return { file, values };
}

function tellOn(output: Output): (progress: BackupProgress) => void {
  return (progress) => output.err(`${shown(progress)}\n`);
}

function shown({
  phase,
  records,
  expectedRecords,
  bytes,
  expectedBytes,
  bytesPerSecond,
  remainingMs,
}: BackupProgress): string {
  const keys = expectedRecords > 0 ? `${records} of ${expectedRecords} keys` : `${records} keys`;
  const whole = expectedBytes > 0 && phase !== 'done' ? ` of ${megabytes(expectedBytes)}` : '';
  const size = phase === 'listing' ? '' : `, ${megabytes(bytes)}${whole} MB`;
  // The first line comes before anything is known of how fast it is.
  const rate = bytesPerSecond > 0 ? `, ${megabytes(bytesPerSecond)} MB/s` : '';
  const left = remainingMs === undefined ? '' : `, about ${Math.ceil(remainingMs / 1_000)} s left`;
  return `${phase}: ${keys}${size}${rate}${left}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
