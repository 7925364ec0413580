import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../value/clock.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import type { BackupManifest, BackupMode } from './backup-manifest.js';
import type { BackupProgress } from './backup-progress.js';
import { ProgressMeter } from './backup-progress.js';
import { readRecords } from './backup-record.js';
import { BackupSink } from './backup-sink.js';
import { dumpBatches, livesOf, scanPages } from './dump-pages.js';
import { NameSet } from './name-set.js';

export interface TakeBackupOptions {
  /** Default `strict`. */
  readonly mode?: BackupMode;
  /** Where `strict` keeps the dumps until it knows which of them stay. It needs as much room as the backup. Default: the system's folder for such. */
  readonly spoolFolder?: string;
  /** Called about once a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly signal?: AbortSignal;
}

/** How many records are checked at a time at the end. */
const checkedAtOnce = 500;

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
  const dump = async (into: BackupSink, connection: RedisConnection): Promise<void> => {
    for await (const page of scanPages(connection)) {
      const wanted = mode === 'strict' ? page.filter((name) => names.has(name)) : page;
      skipped.appeared += page.length - wanted.length;
      for await (const batch of dumpBatches(connection, wanted)) {
        signal?.throwIfAborted();
        const kept = batch.flatMap(({ key, life, dump: bytes }) => {
          if (life === -1 && bytes) return [{ key, dump: bytes }];
          if (life >= 0) skipped.expiring++;
          else skipped.vanished++;
          return [];
        });
        for (const { key } of kept) if (!dumped.add(key)) repeated++;
        await into.write(kept);
        meter.advance('dumping', into.records, into.bytes);
      }
    }
  };

  if (mode === 'complete') for (const connection of connections) await dump(sink, connection);
  else {
    const folder = await mkdtemp(join(spoolFolder, 'redis-backup-'));
    try {
      for (const [index, connection] of connections.entries()) {
        const file = join(folder, `${index}`);
        const spool = createWriteStream(file);
        await dump(new BackupSink(spool), connection);
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
  let held: { key: Buffer; dump: Buffer }[] = [];
  let heldBytes = 0;
  const settle = async (): Promise<void> => {
    signal?.throwIfAborted();
    const lives = await livesOf(
      connection,
      held.map(({ key }) => key),
    );
    for (const life of lives) if (life !== -1) skipped[life === -2 ? 'vanished' : 'expiring']++;
    await sink.write(held.filter((_, index) => lives[index] === -1));
    meter.advance('checking', sink.records, sink.bytes);
    held = [];
    heldBytes = 0;
  };
  for await (const { key, dump } of readRecords(createReadStream(file, { highWaterMark: 2 ** 20 }))) {
    held.push({ key, dump });
    heldBytes += dump.length;
    if (held.length >= checkedAtOnce || heldBytes > 4 * 2 ** 20) await settle();
  }
  await settle();
}

async function keysOf(connections: readonly RedisConnection[]): Promise<number> {
  const counts = await Promise.all(connections.map((connection) => connection.ask(['DBSIZE'])));
  return counts.reduce<number>((sum, count) => sum + Number(count), 0);
}
