import type { RedisArgument, RedisLink, RedisReply } from '../../../src/store/redis/driver/redis-driver.js';

/** What becomes of one command that is sent over a link. */
export function sent(link: RedisLink, ...args: readonly RedisArgument[]): Promise<RedisReply> {
  return new Promise((resolve, reject) => {
    link.send(args, (error, reply) => (error === undefined ? resolve(reply) : reject(error)));
  });
}
