import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import type { BackupProgress } from '../../backup/backup-progress.js';
import { parseManifest } from '../../backup/backup-manifest.js';
import type { BackupManifest } from '../../backup/backup-manifest.js';
import { redisBackup } from '../../backup/redis-backup.js';
import type { RedisBackup } from '../../backup/redis-backup.js';
import { verifyBackup } from '../../backup/verify-backup.js';
import type { Command, Output } from '../command.js';
import { UsageError } from '../usage-error.js';

const options = {
  url: { type: 'string' },
  manifest: { type: 'string' },
  complete: { type: 'boolean' },
  replace: { type: 'boolean' },
} as const;

/** `backup redis FILE|- [--complete] [--manifest FILE]` */
export const backupCommand: Command = {
  usage: 'backup redis FILE|- [--complete] [--manifest FILE]',
  summary: 'the keys of Redis without an expiration, and a manifest beside them',
  details: [
    'Keeps the keys that were there throughout; --complete: all that the server lists meanwhile.',
    '-: to standard output, with --manifest. --url URL says which Redis; default CACHE_REDIS_URL.',
  ],
  run: takeToFile,
};

async function takeToFile(args: readonly string[], output: Output): Promise<number> {
  const { file, values } = read(args);
  const toStandardOutput = file === '-';
  const manifestFile = values.manifest ?? (toStandardOutput ? undefined : `${file}.manifest.json`);
  if (manifestFile === undefined) throw new UsageError('say where the manifest goes: --manifest FILE');
  return onRedis(values.url, async (backup) => {
    // A backup that was not finished never has the name of one.
    const unfinished = `${file}.unfinished`;
    const stream = toStandardOutput ? process.stdout : createWriteStream(unfinished);
    try {
      const manifest = await backup.take(stream, {
        mode: values.complete ? 'complete' : 'strict',
        onProgress: (progress) => output.err(`${shown(progress)}\n`),
      });
      if (!toStandardOutput) {
        stream.end();
        await finished(stream);
        await rename(unfinished, file);
      }
      await writeFile(manifestFile, `${JSON.stringify(manifest, undefined, 2)}\n`);
      const { records, bytes, skipped } = manifest;
      const left = `${skipped.expiring} expire, ${skipped.vanished} went and ${skipped.appeared} came meanwhile`;
      output.err(`${records} keys in ${bytes} bytes; not in it: ${left}. Keep ${manifestFile} beside it.\n`);
      return 0;
    } catch (error) {
      if (!toStandardOutput) await rm(unfinished, { force: true });
      throw error;
    }
  });
}

/** `verify redis FILE [--manifest FILE]` */
export const verifyCommand: Command = {
  usage: 'verify redis FILE [--manifest FILE]',
  summary: 'reads a backup without a server: lengths, checksums, the manifest',
  details: [],
  run: verifyFile,
};

async function verifyFile(args: readonly string[], { out }: Output): Promise<number> {
  const { file, values } = read(args);
  const manifest = await manifestOf(file, values.manifest);
  const { records, bytes, sha256, endIsKnown } = await verifyBackup(createReadStream(file, readAhead), { manifest });
  out(`${file}: ${records} keys in ${bytes} bytes, SHA-256 ${sha256}. ${endIsKnown ? 'Whole.' : endUnknown}\n`);
  return 0;
}

/** `restore redis FILE [--replace] [--manifest FILE]` */
export const restoreCommand: Command = {
  usage: 'restore redis FILE [--replace] [--manifest FILE]',
  summary: 'restores a backup, once all of it was verified',
  details: [
    'Damage, keys in the way, or dumps that are newer than the server: nothing happens. --replace: keys in the way are replaced.',
    '--url URL says which Redis; default CACHE_REDIS_URL.',
  ],
  run: restoreFile,
};

async function restoreFile(args: readonly string[], output: Output): Promise<number> {
  const { file, values } = read(args);
  const manifest = await manifestOf(file, values.manifest);
  return onRedis(values.url, async (backup) => {
    const restored = await backup.restore(() => createReadStream(file, readAhead), {
      manifest,
      replace: values.replace ?? false,
      onProgress: (progress) => output.err(`${shown(progress)}\n`),
    });
    const end = restored.endIsKnown ? '' : ` ${endUnknown}`;
    output.out(`${restored.records} keys restored, ${restored.replaced} of them in place of others.${end}\n`);
    return 0;
  });
}

const readAhead = { highWaterMark: 2 ** 20 };
const endUnknown = 'Without its manifest it can not be told whether the end is missing.';

async function onRedis(url: string | undefined, use: (backup: RedisBackup) => Promise<number>): Promise<number> {
  const given = url ?? process.env['CACHE_REDIS_URL'];
  if (given === undefined || given === '') throw new UsageError('say which Redis: --url URL, or CACHE_REDIS_URL');
  const backup = redisBackup({ connection: { url: given } });
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

function read(args: readonly string[]) {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const [kind, file, ...more] = parsed.positionals;
  if (kind !== 'redis') throw new UsageError("say what: 'redis'");
  if (file === undefined || more.length > 0) throw new UsageError('give one FILE');
  return { file, values: parsed.values };
}

function shown({ phase, records, expectedRecords, bytes, bytesPerSecond, remainingMs }: BackupProgress): string {
  const rate = `${(bytes / 1e6).toFixed(1)} MB, ${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
  const left = remainingMs === undefined ? '' : `, about ${Math.ceil(remainingMs / 1_000)} s left`;
  return `${phase}: ${records} of ${expectedRecords} keys, ${rate}${left}`;
}
