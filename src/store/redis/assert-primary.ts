import type { RedisReply } from './driver/redis-driver.js';
import type { RedisConnection } from './redis-connection.js';
import { itemsOf, textOf } from './redis-reply.js';

/**
 * Ends a connection whose server has become a replica: it goes on answering, and what it holds is another server's.
 * @param role its reply to ROLE, asked after what it is to vouch for.
 * @throws StoreUnavailableError
 */
export function assertPrimary(connection: RedisConnection, role: RedisReply): void {
  if (textOf(itemsOf(role)?.[0]) === 'master') return;
  connection.end('it is a primary no more');
  throw connection.unavailable('it is a primary no more');
}
