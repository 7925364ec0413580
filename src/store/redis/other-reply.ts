import type { RedisConnection } from './redis-connection.js';

/** For a reply that can't be the one to what was asked: what follows on this connection can't be believed either. */
export function otherReply(connection: RedisConnection): Error {
  connection.end('a reply to another command');
  return connection.unavailable('a reply to another command');
}
