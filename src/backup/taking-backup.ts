import type { RedisConnection } from '../store/redis/redis-connection.js';
import { ahead } from './ahead.js';
import type { BackupMode } from './backup-manifest.js';
import type { ProgressMeter } from './backup-progress.js';
import type { BackupSink } from './backup-sink.js';
import { dumpPages } from './dump-pages.js';
import type { DumpedKeys } from './key-dumps.js';
import type { KeyNames } from './key-names.js';
import type { NameSet } from './name-set.js';

/** A backup while it is taken. */
export interface TakingBackup {
  readonly mode: BackupMode;
  readonly sink: BackupSink;
  readonly meter: ProgressMeter;
  /** Those that were listed; of `complete`, those that were dumped. */
  readonly names: NameSet;
  /** As the manifest has them. */
  readonly skipped: { expiring: number; vanished: number; appeared: number };
  repeated: number;
  /** What was dumped so far. */
  dumped: { records: number; bytes: number };
}

/** Dumps the listed keys of one server. @param write resolves to how many bytes it writes. */
export async function dumpListed(
  taking: TakingBackup,
  connection: RedisConnection,
  listed: AsyncGenerator<KeyNames, void>,
  write: (dumped: DumpedKeys) => Promise<number>,
): Promise<void> {
  const { skipped, meter, dumped } = taking;
  for await (const batch of ahead(dumpPages(connection, listed))) {
    taking.sink.assertOpen();
    skipped.expiring += batch.expiring;
    skipped.vanished += batch.vanished;
    taking.repeated += countRepeated(batch, taking);
    dumped.bytes += await write(batch);
    dumped.records += batch.records;
    meter.advance('dumping', dumped.records, dumped.bytes);
  }
}

/** How many of these keys were dumped before. */
function countRepeated({ names, dumps }: DumpedKeys, { names: seen, mode }: TakingBackup): number {
  let repeated = 0;
  for (let place = 0; place < dumps.length; place++) {
    if (!dumps[place]) continue;
    const [start, end] = [names.startOf(place), names.endOf(place)];
    const isNew = mode === 'strict' ? seen.mark(names.bytes, start, end) : seen.add(names.bytes, start, end);
    if (!isNew) repeated++;
  }
  return repeated;
}
