import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';

/** Keys that a server lists at a time: long enough to be quick, short enough for others not to notice. */
const pageKeys = 500;
/** Dumps that are held at a time. A single key may be longer. */
const batchBytes = 4 * 2 ** 20;

/** Pages of all keys of a server, as SCAN lists them: every key that is there throughout, some twice, and others by chance. */
export async function* scanPages(connection: RedisConnection): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0';
  do {
    const [next, keys] = itemsOf(await connection.ask(['SCAN', cursor, 'COUNT', String(pageKeys)])) ?? [];
    const text = textOf(next);
    const names = itemsOf(keys);
    if (text === undefined || !names?.every((name) => Buffer.isBuffer(name))) {
      throw connection.unavailable('a reply that is no page of keys');
    }
    cursor = text;
    yield names;
  } while (cursor !== '0');
}

/** What a key is worth to a backup now: `-1` to dump it, `-2` gone, else it expires. */
export async function livesOf(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly number[]> {
  return Promise.all(keys.map(async (key) => Number(await connection.ask(['PTTL', key]))));
}

/**
 * Dumps of these keys, in batches that are bounded by the memory that the server says they take.
 * `null`: gone, or it has an expiration by now.
 */
export async function* dumpBatches(
  connection: RedisConnection,
  keys: readonly Buffer[],
): AsyncGenerator<readonly { readonly key: Buffer; readonly life: number; readonly dump: Buffer | null }[]> {
  const sizes = await Promise.all(keys.map(async (key) => Number(await connection.ask(['MEMORY', 'USAGE', key])) || 0));
  for (let from = 0; from < keys.length;) {
    let to = from;
    let bytes = 0;
    do bytes += sizes[to++] ?? 0;
    while (to < keys.length && bytes + (sizes[to] ?? 0) <= batchBytes);
    yield Promise.all(
      keys.slice(from, to).map(async (key) => {
        const [life, dump] = await Promise.all([connection.ask(['PTTL', key]), connection.ask(['DUMP', key])]);
        return { key, life: Number(life), dump: Buffer.isBuffer(dump) ? dump : null };
      }),
    );
    from = to;
  }
}
