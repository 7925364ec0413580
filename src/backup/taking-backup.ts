import type { RedisConnection } from '../store/redis/redis-connection.js';
import { ahead } from './ahead.js';
import type { ProgressMeter } from './backup-progress.js';
import type { BackupSink } from './backup-sink.js';
import { dumpPages } from './dump-pages.js';
import type { DumpedKeys } from './key-dumps.js';
import type { KeyNames } from './key-names.js';

/** A backup while it is taken. */
export interface TakingBackup {
  readonly sink: BackupSink;
  readonly meter: ProgressMeter;
  /** Notes that the key was dumped whose name these bytes hold from `start` to `end`. Returns whether it was not noted yet. */
  readonly noteDumped: (bytes: Buffer, start: number, end: number) => boolean;
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
function countRepeated({ names, dumps }: DumpedKeys, { noteDumped }: TakingBackup): number {
  let repeated = 0;
  for (let place = 0; place < dumps.length; place++) {
    if (dumps[place] && !noteDumped(names.bytes, names.startOf(place), names.endOf(place))) repeated++;
  }
  return repeated;
}
