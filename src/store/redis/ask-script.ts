import type { RedisArgument, RedisReply } from './driver/redis-driver.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisScript } from './redis-script.js';
import { RedisServerError } from './redis-server-error.js';

/**
 * Runs a script by its digest, and by its source on a server that does not know it.
 * @param args the number of keys, the keys, and the rest.
 * @param isUrgent ahead of what still waits to be written.
 * @throws RedisServerError, StoreUnavailableError
 */
export async function askScript(
  connection: RedisConnection,
  { source, sha1 }: RedisScript,
  args: readonly RedisArgument[],
  isUrgent = false,
): Promise<RedisReply> {
  return connection.ask(['EVALSHA', sha1, ...args], isUrgent).catch((error: unknown) => {
    if (error instanceof RedisServerError && error.code === 'NOSCRIPT')
      return connection.ask(['EVAL', source, ...args], isUrgent);
    throw error;
  });
}
