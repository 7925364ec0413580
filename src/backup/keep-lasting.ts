import type { RedisConnection } from '../store/redis/redis-connection.js';
import { ahead } from './ahead.js';
import { keysIn } from './backup-record.js';
import type { BackupSpool } from './backup-spool.js';
import { keyLosses } from './key-losses.js';
import type { TakingBackup } from './taking-backup.js';

/** Copies what was dumped of the keys that are still there and still have no expiration. @returns how many have one by now. */
export async function keepLasting(
  connection: RedisConnection,
  spool: BackupSpool,
  { sink, meter }: TakingBackup,
): Promise<number> {
  let expiring = 0;
  for await (const { chunks, ends, asked } of ahead(lookedUp(connection, spool))) {
    sink.assertOpen();
    const losses = await asked;
    // Those that stand side by side go as one.
    const lasting: Buffer[] = [];
    let from = 0;
    for (const [place, loss] of losses) {
      if (loss === 'expiring') expiring++;
      const start = ends[place - 1] ?? 0;
      if (from < start) lasting.push(chunks.subarray(from, start));
      from = ends[place] as number;
    }
    if (from < chunks.length) lasting.push(chunks.subarray(from));
    await sink.write(ends.length - losses.size, lasting);
    meter.advance('checking', sink.records, sink.bytes);
  }
  return expiring;
}

/** What was dumped, and what has become of it since, which is on its way. */
async function* lookedUp(connection: RedisConnection, spool: BackupSpool) {
  for await (const chunks of ahead(spool.batches())) {
    const { names, ends } = keysIn(chunks);
    const asked = keyLosses(connection, names);
    // It is thrown when its turn comes; nobody may come for it.
    asked.catch(() => {});
    yield { chunks, ends, asked };
  }
}
