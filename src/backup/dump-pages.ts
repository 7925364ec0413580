import { otherReply } from '../store/redis/other-reply.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { textOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { ahead } from './ahead.js';
import { askAboutKeys, scriptHead } from './ask-about-keys.js';
import { allDumps, askDumps } from './key-dumps.js';
import type { DumpedKeys } from './key-dumps.js';
import { KeyNames } from './key-names.js';

/** Names that a server lists at a time, which takes it two milliseconds. */
const namesAtOnce = 2_000;
/** Keys that a server dumps at a time: enough to be quick, and few enough for others not to notice. A quarter of a page, which may have a few more names. */
const keysAtOnce = 510;
/** So many times are on their way: the server has another to do while one is read. */
const batchesAtOnce = 4;

const scan = redisScript(`${scriptHead}
local page = redis.call('SCAN', ARGV[2], 'COUNT', ARGV[3])
return { ARGV[1], page[1], cmsgpack.pack(page[2]) }`);

/** Pages of all keys of a server, as SCAN lists them: every key that is there throughout, some twice, and others by chance. */
export async function* scanPages(connection: RedisConnection): AsyncGenerator<KeyNames, void> {
  let cursor = '0';
  do {
    const command = ['SCAN', cursor, 'COUNT', String(namesAtOnce)];
    const [next, packed] = await askAboutKeys(connection, scan, [cursor, String(namesAtOnce)], [command]);
    const text = textOf(next);
    const names = Buffer.isBuffer(packed) ? KeyNames.read(packed) : undefined;
    if (text === undefined || !names) throw otherReply(connection);
    cursor = text;
    yield names;
  } while (cursor !== '0');
}

/** Dumps of those of the listed keys that have no expiration, in batches that are bounded in bytes. */
export async function* dumpPages(
  connection: RedisConnection,
  listed: AsyncGenerator<KeyNames, void>,
): AsyncGenerator<DumpedKeys, void> {
  const asked: ReturnType<typeof askDumps>[] = [];
  for await (const page of ahead(listed)) {
    // In like parts: a few keys that are left take as long as many.
    const part = Math.ceil(page.count / Math.ceil(page.count / keysAtOnce));
    for (let from = 0; from < page.count; from += part) {
      const dumps = askDumps(connection, page.slice(from, from + part));
      // It is thrown when its turn comes; nobody may come for it.
      dumps.catch(() => {});
      asked.push(dumps);
      const first = asked.length > batchesAtOnce ? asked.shift() : undefined;
      if (first) yield* allDumps(connection, first);
    }
  }
  for (const dumps of asked) yield* allDumps(connection, dumps);
}
