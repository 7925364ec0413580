import type { RedisConnection } from '../store/redis/redis-connection.js';
import { RedisServerError } from '../store/redis/redis-server-error.js';

/** For `catch`: a refusal of the server, such as one of its access control, as StoreUnavailableError with the server's words. Rethrows all else. */
export function refusedBy(connection: RedisConnection): (error: unknown) => never {
  return (error) => {
    throw error instanceof RedisServerError ? connection.unavailable(`it refuses (${error.message})`, error) : error;
  };
}
