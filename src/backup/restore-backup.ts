import type { Clock } from '../value/clock.js';
import { isOk } from '../store/redis/redis-reply.js';
import type { RedisAccess } from '../store/redis/redis-access.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { keySlot } from '../store/redis/key-slot.js';
import { refusedBy } from '../store/redis/refused-by.js';
import { DamagedBackupError, RestoreRefusedError } from './backup-errors.js';
import { ProgressMeter } from './backup-progress.js';
import { formatVersionOf, readRecords } from './backup-record.js';
import type { BackupRecord } from './backup-record.js';
import { CountedSource } from './counted-source.js';
import { keyArgument } from './key-argument.js';
import { NameSet } from './name-set.js';
import { areNotesOfWrites } from './notes-of-writes.js';
import { isOfACache } from './of-a-cache.js';
import { KnownOptions } from '../value/known-options.js';
import { verifyOptionTable, verifyRecords } from './verify-backup.js';
import type { VerifiedBackup, VerifyBackupOptions } from './verify-backup.js';

export interface RestoreBackupOptions extends VerifyBackupOptions {
  /** Replaces keys that are there. Default false: if one of them is, nothing is restored. */
  readonly replace?: boolean;
}

export const knownOfRestore = KnownOptions.of<RestoreBackupOptions>('restore()', {
  ...verifyOptionTable,
  replace: true,
});

export interface RestoredBackup {
  /** Those that were restored. */
  readonly records: number;
  /** Of these, in the backup. */
  readonly bytes: number;
  /** Keys that stood there and were replaced, each counted once. */
  readonly replaced: number;
  /**
   * Records that were not restored: what caches keep, and the notes of documents that were written or deleted. They would undo what was invalidated or
   * written since.
   */
  readonly leftOut: number;
  /** See `VerifiedBackup.endIsKnown`. */
  readonly endIsKnown: boolean;
}

const atOnce = 500;
const bytesAtOnce = 4 * 2 ** 20;

/**
 * Restores a backup. It is read twice: the first time nothing is written, and every damage, every dump that the server can't read and every key that is
 * in the way is found, in this order. The second time it has to be the same. What caches keep is left out, and so are the notes of documents that were written or
 * deleted.
 * @throws DamagedBackupError, RestoreRefusedError, StoreUnavailableError
 */
export async function restoreBackup(
  access: RedisAccess,
  open: () => AsyncIterable<Uint8Array>,
  { replace = false, onProgress, ...options }: RestoreBackupOptions,
  clock: Clock,
): Promise<RestoredBackup> {
  const names = new NameSet();
  let replaced = 0;
  const meter = new ProgressMeter(clock, onProgress);
  const verified = await verifyRecords(open(), options, meter, async (records) => {
    const fresh = records.filter((record) => isWanted(record) && names.add(record.key));
    replaced += await countExisting(access, fresh);
  });
  for (const connection of await access.allConnected()) await refuseNewer(connection, verified.formatVersion);
  if (!replace && replaced > 0) {
    throw new RestoreRefusedError(
      `${replaced} of the backup's keys are there already`,
      'Restore to a server without them, or have them replaced (--replace).',
    );
  }
  meter.expect(verified.records, verified.bytes);
  // Told before the first key: from here on, a failure may leave some of them restored.
  meter.advance('restoring', 0, 0);
  let records = 0;
  let bytes = 0;
  let leftOut = 0;
  let leftOutBytes = 0;
  for await (const batch of batchesOf(new CountedSource(open(), options.signal), verified)) {
    options.signal?.throwIfAborted();
    const wanted = batch.filter(isWanted);
    const unknown = wanted.find(({ key }) => !names.has(key));
    if (unknown) throw changedMeanwhile(unknown.at);
    // A key that the backup holds twice: the later counts.
    await Promise.all(wanted.map((record) => restoreRecord(access, record, !names.mark(record.key) || replace)));
    records += wanted.length;
    bytes += bytesOf(wanted);
    leftOut += batch.length - wanted.length;
    leftOutBytes += bytesOf(batch) - bytesOf(wanted);
    meter.advance('restoring', records + leftOut, bytes + leftOutBytes);
  }
  meter.advance('done', records, bytes);
  return { records, bytes, replaced, leftOut, endIsKnown: verified.endIsKnown };
}

async function restoreRecord(access: RedisAccess, { key, dump }: BackupRecord, replaces: boolean): Promise<void> {
  const connection = await connectionFor(access, key);
  const reply = await connection
    .ask(['RESTORE', keyArgument(key), '0', dump, ...(replaces ? ['REPLACE'] : [])])
    .catch(refusedBy(connection, ' a dump'));
  if (!isOk(reply)) throw connection.unavailable('a dump was not acknowledged');
}

const isWanted = (record: BackupRecord): boolean => !isOfACache(record) && !areNotesOfWrites(record);

const bytesOf = (records: readonly BackupRecord[]): number =>
  records.reduce((sum, { key, dump }) => sum + 8 + key.length + dump.length, 0);

function connectionFor(access: RedisAccess, key: Buffer): Promise<RedisConnection> {
  return access.connected(access.isSharded ? keySlot(key) : 0);
}

/** How many of these keys are there. In a Cluster, each is asked for by itself: they belong to many slots. */
async function countExisting(access: RedisAccess, records: readonly BackupRecord[]): Promise<number> {
  const questions: (readonly BackupRecord[])[] = [];
  const keysAtOnce = access.isSharded ? 1 : atOnce;
  for (let from = 0; from < records.length; from += keysAtOnce) questions.push(records.slice(from, from + keysAtOnce));
  const counts = await Promise.all(
    questions.map(async (some) => {
      const connection = await connectionFor(access, (some[0] as BackupRecord).key);
      const names = some.map(({ key }) => keyArgument(key));
      return Number(await connection.ask(['EXISTS', ...names]).catch(refusedBy(connection)));
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** A dump of the server's functions ends as a dump of a key does, and takes no key: it shows which format the server writes, and so which ones it reads. */
async function refuseNewer(connection: RedisConnection, formatVersion: number): Promise<void> {
  const dump = await connection.ask(['FUNCTION', 'DUMP']).catch(refusedBy(connection));
  const known = Buffer.isBuffer(dump) ? formatVersionOf(dump) : -1;
  if (known < 0) throw connection.unavailable('it does not say which dumps it reads');
  if (formatVersion <= known) return;
  throw new RestoreRefusedError(
    `The backup holds dumps of format ${formatVersion}, and the server reads up to ${known}`,
    'Restore to a server that is as new as the one it was taken from.',
  );
}

/** The batches of a backup that was verified. @throws DamagedBackupError where it turns out to be another one. */
async function* batchesOf(
  source: CountedSource,
  { sha256 }: VerifiedBackup,
): AsyncGenerator<readonly BackupRecord[], void> {
  try {
    yield* batches(source);
  } catch (error) {
    throw error instanceof DamagedBackupError ? changedMeanwhile(error.at) : error;
  }
  if (source.sha256() !== sha256) throw changedMeanwhile(source.bytes);
}

function changedMeanwhile(at: number): DamagedBackupError {
  const outcome =
    'It changed while it was restored, and some keys may be restored by now: restore one that stays as it is, with replace.';
  return new DamagedBackupError('its bytes are not those that were verified', at, outcome);
}

async function* batches(source: AsyncIterable<Uint8Array>): AsyncGenerator<readonly BackupRecord[]> {
  let batch: BackupRecord[] = [];
  let bytes = 0;
  for await (const page of readRecords(source)) {
    for (const record of page) {
      batch.push(record);
      bytes += record.dump.length;
      if (batch.length < atOnce && bytes < bytesAtOnce) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
