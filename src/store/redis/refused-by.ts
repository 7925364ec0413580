import type { RedisConnection } from './redis-connection.js';
import { RedisServerError } from './redis-server-error.js';

/**
 * For `catch`: a refusal of the server, such as one of its access control, as StoreUnavailableError with the server's words. Rethrows all else.
 * @param what it refuses, with a space before it.
 */
export function refusedBy(connection: RedisConnection, what = ''): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof RedisServerError)) throw error;
    throw connection.unavailable(`it refuses${what} (${error.message})`, error);
  };
}
