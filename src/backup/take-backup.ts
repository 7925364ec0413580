import { tmpdir } from 'node:os';
import type { Writable } from 'node:stream';
import type { Clock } from '../value/clock.js';
import { assertPrimary } from '../store/redis/assert-primary.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { refusedBy } from '../store/redis/refused-by.js';
import type { BackupManifest, BackupMode } from './backup-manifest.js';
import type { BackupProgress } from './backup-progress.js';
import { ProgressMeter } from './backup-progress.js';
import { BackupSink } from './backup-sink.js';
import { scanPages } from './dump-pages.js';
import { keyCounts } from './key-counts.js';
import { NameSet } from './name-set.js';
import { takeStrictly } from './take-strictly.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { slotOwners } from './slot-owners.js';
import { dumpListed } from './taking-backup.js';
import type { TakingBackup } from './taking-backup.js';

export interface TakeBackupOptions {
  /** Default `strict`. */
  readonly mode?: BackupMode;
  /** Where `strict` keeps the dumps until it knows which of them stay. It needs as much room as the backup. Default: the system's folder for such. */
  readonly spoolFolder?: string;
  /** Called about once a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Ends the backup, which rejects with the signal's reason, also while its stream takes no more. */
  readonly signal?: AbortSignal | undefined;
}

const known = KnownOptions.of<TakeBackupOptions>('take()', {
  mode: true,
  spoolFolder: true,
  onProgress: true,
  signal: true,
});

/** @throws InvalidOptionError: a misspelt mode would be taken for another one. */
export function assertTakeOptions(options: TakeBackupOptions): void {
  known.check(options);
  const { mode = 'strict' } = options;
  if (mode !== 'strict' && mode !== 'complete')
    throw new InvalidOptionError('mode', 'there is no such mode', "Give 'strict' or 'complete'.");
}

/** Dumps this database of the servers behind these connections, one after the other, into one stream, which stays open. */
export async function takeBackup(
  connections: readonly RedisConnection[],
  database: number,
  stream: Writable,
  { mode = 'strict', spoolFolder = tmpdir(), onProgress, signal }: TakeBackupOptions,
  clock: Clock,
): Promise<BackupManifest> {
  const startedAt = new Date(clock.now()).toISOString();
  const sink = new BackupSink(stream, signal);
  const meter = new ProgressMeter(clock, onProgress);
  const owners = await slotOwners(connections);
  const { all, lasting } = await keyCounts(connections, database);
  const isStrict = mode === 'strict';
  meter.expect(isStrict ? all : lasting);
  // Those that were listed; of `complete`, those that were dumped.
  const names = new NameSet(isStrict ? all : lasting);
  const skipped = { expiring: 0, vanished: 0, appeared: 0 };
  const taking: TakingBackup = {
    sink,
    meter,
    noteDumped: isStrict ? (...name) => names.mark(...name) : (...name) => names.add(...name),
    skipped,
    repeated: 0,
    dumped: { records: 0, bytes: 0 },
  };
  if (isStrict) {
    await takeStrictly(connections, taking, names, lasting, spoolFolder);
    const kept = sink.records - taking.repeated;
    // Each name that was listed first is in the backup, expires, or has gone.
    skipped.vanished = Math.max(0, names.size - kept - skipped.expiring);
    skipped.appeared = Math.max(0, (await keyCounts(connections, database)).lasting - kept);
  } else {
    for (const connection of connections) {
      await dumpListed(taking, connection, scanPages(connection), (dumped) => sink.addDumps(dumped));
    }
  }
  await assertSameServers(connections, owners);
  const sha256 = await sink.end();
  meter.advance('done', sink.records, sink.bytes);
  return {
    format: 'redis-dump-chunks/1',
    mode,
    records: sink.records,
    bytes: sink.bytes,
    sha256,
    startedAt,
    finishedAt: new Date(clock.now()).toISOString(),
    serverVersion: connections[0]?.identity?.version ?? 'unknown',
    skipped,
    repeated: taking.repeated,
  };
}

/** A slot that has moved may have been listed nowhere, and what a replica holds is another server's. */
async function assertSameServers(connections: readonly RedisConnection[], owners: string): Promise<void> {
  for (const connection of connections) {
    assertPrimary(connection, await connection.ask(['ROLE']).catch(refusedBy(connection)));
  }
  if ((await slotOwners(connections)) === owners) return;
  throw (connections[0] as RedisConnection).unavailable('slots have moved while the backup was taken: take it again');
}
