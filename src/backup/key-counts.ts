import type { RedisConnection } from '../store/redis/redis-connection.js';
import { textOf } from '../store/redis/redis-reply.js';
import { refusedBy } from '../store/redis/refused-by.js';

/** How many keys a database has. */
export interface KeyCounts {
  readonly all: number;
  /** Those without an expiration. */
  readonly lasting: number;
}

/** Of all servers together. @throws StoreUnavailableError */
export async function keyCounts(connections: readonly RedisConnection[], database: number): Promise<KeyCounts> {
  const counts = await Promise.all(connections.map((connection) => countsOf(connection, database)));
  const sum = (name: keyof KeyCounts): number => counts.reduce((total, one) => total + one[name], 0);
  return { all: sum('all'), lasting: sum('lasting') };
}

/** `db0:keys=12,expires=3,avg_ttl=0`; a database without keys has no line. */
async function countsOf(connection: RedisConnection, database: number): Promise<KeyCounts> {
  const text = textOf(await connection.ask(['INFO', 'keyspace']).catch(refusedBy(connection))) ?? '';
  const found = new RegExp(`^db${database}:keys=(\\d+),expires=(\\d+)`, 'm').exec(text);
  const [all, expiring] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
  return { all, lasting: all - expiring };
}
