import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Clock } from '../value/clock.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { ahead } from './ahead.js';
import type { BackupManifest, BackupMode } from './backup-manifest.js';
import type { BackupProgress } from './backup-progress.js';
import { ProgressMeter } from './backup-progress.js';
import { chunksOf, keysIn } from './backup-record.js';
import { BackupSink } from './backup-sink.js';
import { BackupSpool } from './backup-spool.js';
import { dumpPages, scanPages } from './dump-pages.js';
import type { DumpedKeys } from './key-dumps.js';
import { keyLives } from './key-lives.js';
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

/** Names that a server lists at a time, which takes it a millisecond. */
const namesAtOnce = 2_000;

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
  let repeated = 0;
  const meter = new ProgressMeter(clock, onProgress);
  meter.expect(await keysOf(connections));

  /** Those that were listed; of `complete`, those that were dumped. */
  const names = new NameSet();
  if (mode === 'strict') {
    for (const connection of connections) {
      for await (const page of ahead(scanPages(connection, namesAtOnce))) {
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
  let [records, bytes] = [0, 0];
  const dump = async (
    connection: RedisConnection,
    write: (dumped: DumpedKeys['records']) => Promise<void>,
  ): Promise<void> => {
    for await (const dumps of ahead(dumpPages(connection, choose))) {
      signal?.throwIfAborted();
      skipped.expiring += dumps.expiring;
      skipped.vanished += dumps.vanished;
      for (const { key, dump } of dumps.records) {
        if (!(mode === 'strict' ? names.mark(key) : names.add(key))) repeated++;
        bytes += 8 + key.length + dump.length;
      }
      await write(dumps.records);
      records += dumps.records.length;
      meter.advance('dumping', records, bytes);
    }
  };

  if (mode === 'complete') {
    for (const connection of connections) await dump(connection, (some) => sink.write(some.length, chunksOf(some)));
  } else {
    const folder = await mkdtemp(join(spoolFolder, 'redis-backup-'));
    const spools: BackupSpool[] = [];
    try {
      for (const [index, connection] of connections.entries()) {
        const spool = await BackupSpool.at(join(folder, `${index}`));
        spools.push(spool);
        await dump(connection, (some) => spool.add(some));
      }
      // Only now is it known which keys were there to the end.
      meter.expect(records);
      for (const [index, connection] of connections.entries()) {
        await keepLasting(connection, spools[index] as BackupSpool, sink, skipped, meter, signal);
      }
    } finally {
      await Promise.all(spools.map((spool) => spool.close()));
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
  spool: BackupSpool,
  sink: BackupSink,
  skipped: { expiring: number; vanished: number },
  meter: ProgressMeter,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const { chunks, ends, lives } of ahead(lookedUp(connection, spool))) {
    signal?.throwIfAborted();
    const lasting: Buffer[] = [];
    let [count, from, to] = [0, 0, 0];
    for (const [index, end] of ends.entries()) {
      const life = lives[index];
      if (life === 'lasting') {
        count++;
        // Those that stand side by side go as one.
        to = end;
        continue;
      }
      skipped[life === 'expiring' ? 'expiring' : 'vanished']++;
      if (from < to) lasting.push(chunks.subarray(from, to));
      from = to = end;
    }
    if (from < to) lasting.push(chunks.subarray(from, to));
    await sink.write(count, lasting);
    meter.advance('checking', sink.records, sink.bytes);
  }
}

/** What was dumped, with what has become of it since. */
async function* lookedUp(connection: RedisConnection, spool: BackupSpool) {
  for await (const chunks of ahead(spool.batches())) {
    const { names, ends } = keysIn(chunks);
    yield { chunks, ends, lives: await keyLives(connection, names, ends.length) };
  }
}

async function keysOf(connections: readonly RedisConnection[]): Promise<number> {
  const counts = await Promise.all(
    connections.map((connection) => connection.ask(['DBSIZE']).catch(refusedBy(connection))),
  );
  return counts.reduce<number>((sum, count) => sum + Number(count), 0);
}
