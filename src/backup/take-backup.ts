import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../value/clock.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { ahead } from './ahead.js';
import type { BackupManifest, BackupMode } from './backup-manifest.js';
import type { BackupProgress } from './backup-progress.js';
import { ProgressMeter } from './backup-progress.js';
import { chunksOf, joinedChunks, readRecords } from './backup-record.js';
import type { BackupRecord } from './backup-record.js';
import { BackupSink } from './backup-sink.js';
import { dumpPages, pageKeys, scanPages } from './dump-pages.js';
import { gone, keySizes } from './key-sizes.js';
import { NameSet } from './name-set.js';
import { refusedBy } from './refused-by.js';

export interface TakeBackupOptions {
  /** Default `strict`. */
  readonly mode?: BackupMode;
  /** Where `strict` keeps the dumps until it knows which of them stay. It needs as much room as the backup. Default: the system's folder for such. */
  readonly spoolFolder?: string;
  /** Called about once a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly signal?: AbortSignal;
}

/** Dumps the servers behind these connections, one after the other, into one stream, which stays open. */
export async function takeBackup(
  connections: readonly RedisConnection[],
  stream: Writable,
  { mode = 'strict', spoolFolder = tmpdir(), onProgress, signal }: TakeBackupOptions,
  clock: Clock,
): Promise<BackupManifest> {
  const startedAt = new Date(clock.now()).toISOString();
  const sink = new BackupSink(stream);
  const skipped = { expiring: 0, vanished: 0, appeared: 0 };
  const dumped = new NameSet();
  let repeated = 0;
  const meter = new ProgressMeter(clock, onProgress);
  meter.expect(await keysOf(connections));

  const names = new NameSet();
  if (mode === 'strict') {
    for (const connection of connections) {
      for await (const page of scanPages(connection)) {
        signal?.throwIfAborted();
        for (const name of page) names.add(name);
      }
    }
  }
  const choose = (page: readonly Buffer[]): readonly Buffer[] => {
    const chosen = mode === 'strict' ? page.filter((name) => names.has(name)) : page;
    skipped.appeared += page.length - chosen.length;
    return chosen;
  };
  const dump = async (into: BackupSink, connection: RedisConnection): Promise<void> => {
    // What `strict` dumps is looked at once more at its end.
    const isChecked = mode === 'complete';
    for await (const { records, expiring, vanished } of ahead(dumpPages(connection, choose, isChecked))) {
      signal?.throwIfAborted();
      skipped.expiring += expiring;
      skipped.vanished += vanished;
      for (const { key } of records) if (!dumped.add(key)) repeated++;
      await into.write(records.length, chunksOf(records));
      meter.advance('dumping', into.records, into.bytes);
    }
  };

  if (mode === 'complete') for (const connection of connections) await dump(sink, connection);
  else {
    const folder = await mkdtemp(join(spoolFolder, 'redis-backup-'));
    try {
      for (const [index, connection] of connections.entries()) {
        const file = join(folder, `${index}`);
        const spool = createWriteStream(file);
        await dump(new BackupSink(spool, false), connection);
        spool.end();
        await finished(spool);
      }
      // Only now is it known which keys were there to the end.
      for (const [index, connection] of connections.entries()) {
        await keepLasting(connection, join(folder, `${index}`), sink, skipped, meter, signal);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  // Each name that was listed first is in the backup, expires, or has gone.
  if (mode === 'strict') skipped.vanished = Math.max(0, names.size - (sink.records - repeated) - skipped.expiring);
  meter.advance('done', sink.records, sink.bytes);
  return {
    format: 'redis-dump-chunks/1',
    mode,
    records: sink.records,
    bytes: sink.bytes,
    sha256: sink.sha256(),
    startedAt,
    finishedAt: new Date(clock.now()).toISOString(),
    serverVersion: connections[0]?.identity?.version ?? 'unknown',
    skipped,
    repeated,
  };
}

/** Copies what was dumped of the keys that are still there and still have no expiration. */
async function keepLasting(
  connection: RedisConnection,
  file: string,
  sink: BackupSink,
  skipped: { expiring: number; vanished: number },
  meter: ProgressMeter,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const { records, sizes } of ahead(lookedUp(connection, file))) {
    signal?.throwIfAborted();
    for (const size of sizes) if (size < 0) skipped[size === gone ? 'vanished' : 'expiring']++;
    const lasting = records.filter((_, index) => (sizes[index] ?? gone) >= 0);
    await sink.write(lasting.length, joinedChunks(lasting));
    meter.advance('checking', sink.records, sink.bytes);
  }
}

/** What was dumped, with what has become of it since. */
async function* lookedUp(
  connection: RedisConnection,
  file: string,
): AsyncGenerator<{ readonly records: readonly BackupRecord[]; readonly sizes: readonly number[] }, void> {
  for await (const page of readRecords(createReadStream(file, { highWaterMark: 2 ** 20 }))) {
    for (let from = 0; from < page.length; from += pageKeys) {
      const records = page.slice(from, from + pageKeys);
      const keys = records.map(({ key }) => key);
      yield { records, sizes: await keySizes(connection, keys) };
    }
  }
}

async function keysOf(connections: readonly RedisConnection[]): Promise<number> {
  const counts = await Promise.all(
    connections.map((connection) => connection.ask(['DBSIZE']).catch(refusedBy(connection))),
  );
  return counts.reduce<number>((sum, count) => sum + Number(count), 0);
}
