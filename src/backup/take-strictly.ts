import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { ahead } from './ahead.js';
import { BackupSpool } from './backup-spool.js';
import { scanPages } from './dump-pages.js';
import { keepLasting } from './keep-lasting.js';
import { KeyNames } from './key-names.js';
import type { NameSet } from './name-set.js';
import { dumpListed } from './taking-backup.js';
import type { TakingBackup } from './taking-backup.js';

/**
 * Lists all keys of all servers, dumps those that were listed, and keeps those that are still there when all were dumped. Names and dumps wait in files.
 * @param names are filled with those that were listed, and marked once they are dumped. @param lasting how many keys have no expiration.
 * @param parent the folder in which there is one for these files meanwhile.
 */
export async function takeStrictly(
  connections: readonly RedisConnection[],
  taking: TakingBackup,
  names: NameSet,
  lasting: number,
  parent: string,
): Promise<void> {
  const { skipped, meter } = taking;
  const folder = await mkdtemp(join(parent, 'redis-backup-'));
  const spools: BackupSpool[] = [];
  const spoolAt = async (name: string): Promise<BackupSpool> => {
    const spool = await BackupSpool.at(join(folder, name));
    spools.push(spool);
    return spool;
  };
  try {
    const servers = [];
    for (const [index, connection] of connections.entries()) {
      const listed = await spoolAt(`names-${index}`);
      servers.push({ connection, listed, dumps: await spoolAt(`dumps-${index}`) });
      await list(taking, connection, names, listed);
    }
    meter.expect(lasting);
    for (const { connection, listed, dumps } of servers) {
      await dumpListed(taking, connection, namesIn(listed), (dumped) => dumps.addDumps(dumped));
    }
    // Only now is it known which keys were there to the end.
    meter.expect(taking.dumped.records, taking.dumped.bytes);
    for (const { connection, dumps } of servers) skipped.expiring += await keepLasting(connection, dumps, taking);
  } finally {
    await Promise.all(spools.map((spool) => spool.close()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function list(
  { meter, sink }: TakingBackup,
  connection: RedisConnection,
  names: NameSet,
  listed: BackupSpool,
): Promise<void> {
  for await (const page of ahead(scanPages(connection))) {
    sink.assertOpen();
    addAll(page, names);
    await listed.add([page.bytes]);
    meter.advance('listing', names.size, 0);
  }
}

function addAll(page: KeyNames, names: NameSet): void {
  for (let place = 0; place < page.count; place++) names.add(page.bytes, page.startOf(place), page.endOf(place));
}

async function* namesIn(listed: BackupSpool): AsyncGenerator<KeyNames, void> {
  for await (const bytes of listed.batches()) yield KeyNames.read(bytes) as KeyNames;
}
