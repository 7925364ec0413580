import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import { ahead } from './ahead.js';
import { askAll } from './ask-all.js';
import { keyArgument } from './key-argument.js';
import { gone, keySizes } from './key-sizes.js';
import { refusedBy } from './refused-by.js';

/** Keys that a server lists, or looks at, at a time: enough to be quick, and few enough for others not to notice. */
export const pageKeys = 500;
/** Dumps that are held at a time. A single key may be longer. */
const batchBytes = 2 * 2 ** 20;

/** What became of some keys. */
export interface DumpedKeys {
  /** Those that were there without an expiration. */
  readonly records: readonly { readonly key: Buffer; readonly dump: Buffer }[];
  readonly expiring: number;
  readonly vanished: number;
}

/** Pages of all keys of a server, as SCAN lists them: every key that is there throughout, some twice, and others by chance. */
export async function* scanPages(connection: RedisConnection): AsyncGenerator<readonly Buffer[], void> {
  let cursor = '0';
  do {
    const reply = await connection.ask(['SCAN', cursor, 'COUNT', String(pageKeys)]).catch(refusedBy(connection));
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

/**
 * Dumps of all keys of a server that are chosen, in batches that are bounded by the memory that the server says they take.
 * @param isChecked whether each key is looked at again after its dump: it may have got an expiration in between.
 */
export async function* dumpPages(
  connection: RedisConnection,
  choose: (names: readonly Buffer[]) => readonly Buffer[],
  isChecked: boolean,
): AsyncGenerator<DumpedKeys, void> {
  // One batch is waited for while the next is on its way.
  let dumping: Promise<DumpedKeys> | undefined;
  for await (const { keys, sizes, expiring, vanished } of ahead(sizedPages(connection, choose))) {
    yield { records: [], expiring, vanished };
    for (let from = 0; from < keys.length;) {
      let to = from;
      let bytes = 0;
      do bytes += sizes[to++] ?? 0;
      while (to < keys.length && bytes + (sizes[to] ?? 0) <= batchBytes);
      const next = dumpKeys(connection, keys.slice(from, to), isChecked);
      next.catch(() => {});
      if (dumping) yield dumping;
      dumping = next;
      from = to;
    }
  }
  if (dumping) yield dumping;
}

interface SizedPage {
  readonly keys: readonly Buffer[];
  readonly sizes: readonly number[];
  readonly expiring: number;
  readonly vanished: number;
}

/** The chosen keys that are there without an expiration, and how large they are. */
async function* sizedPages(
  connection: RedisConnection,
  choose: (names: readonly Buffer[]) => readonly Buffer[],
): AsyncGenerator<SizedPage, void> {
  for await (const names of ahead(scanPages(connection))) {
    const chosen = choose(names);
    const sizes = await keySizes(connection, chosen);
    const vanished = sizes.filter((size) => size === gone).length;
    const keys = chosen.filter((_, index) => (sizes[index] ?? gone) >= 0);
    const expiring = chosen.length - keys.length - vanished;
    yield { keys, sizes: sizes.filter((size) => size >= 0), expiring, vanished };
  }
}

async function dumpKeys(connection: RedisConnection, keys: readonly Buffer[], isChecked: boolean): Promise<DumpedKeys> {
  // Commands of one connection are carried out in their order.
  const dumping = askAll(
    connection,
    keys.map((key) => ['DUMP', keyArgument(key)]),
  );
  const checking = isChecked ? keySizes(connection, keys) : undefined;
  const [dumps, sizes] = await Promise.all([dumping, checking]).catch(refusedBy(connection));
  const records: { key: Buffer; dump: Buffer }[] = [];
  let vanished = 0;
  for (const [index, key] of keys.entries()) {
    const dump = dumps[index];
    const size = sizes?.[index] ?? 0;
    if (!Buffer.isBuffer(dump) || size === gone) vanished++;
    else if (size >= 0) records.push({ key, dump });
  }
  return { records, expiring: keys.length - records.length - vanished, vanished };
}
