import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import { ahead } from './ahead.js';
import { allDumps, askDumps } from './key-dumps.js';
import type { DumpedKeys } from './key-dumps.js';
import { refusedBy } from './refused-by.js';

/** Keys that a server dumps at a time: enough to be quick, and few enough for others not to notice. */
const pageKeys = 500;
/** Pages whose dumps are on their way: the server has another to do while one is read. */
const pagesAtOnce = 2;

/**
 * Pages of all keys of a server, as SCAN lists them: every key that is there throughout, some twice, and others by chance.
 * @param count how many keys it looks at for a page, more or less.
 */
export async function* scanPages(connection: RedisConnection, count: number): AsyncGenerator<readonly Buffer[], void> {
  let cursor = '0';
  do {
    const reply = await connection.ask(['SCAN', cursor, 'COUNT', String(count)]).catch(refusedBy(connection));
    const [next, keys] = itemsOf(reply) ?? [];
    const text = textOf(next);
    const names = itemsOf(keys);
    if (text === undefined || !names?.every((name) => Buffer.isBuffer(name))) {
      throw connection.unavailable('a reply that is no page of keys');
    }
    cursor = text;
    yield names;
  } while (cursor !== '0');
}

/** Dumps of all keys of a server that are chosen and have no expiration, in batches that are bounded in bytes. */
export async function* dumpPages(
  connection: RedisConnection,
  choose: (names: readonly Buffer[]) => readonly Buffer[],
): AsyncGenerator<DumpedKeys, void> {
  const asked: ReturnType<typeof askDumps>[] = [];
  for await (const names of ahead(scanPages(connection, pageKeys))) {
    const chosen = choose(names);
    if (chosen.length === 0) continue;
    const dumps = askDumps(connection, chosen);
    // It is thrown when its turn comes; nobody may come for it.
    dumps.catch(() => {});
    asked.push(dumps);
    const first = asked.length > pagesAtOnce ? asked.shift() : undefined;
    if (first) yield* allDumps(connection, first);
  }
  for (const dumps of asked) yield* allDumps(connection, dumps);
}
