import type { RedisArgument, RedisReply } from '../store/redis/driver/redis-driver.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';

/** The replies to many commands, in their order: one promise for all. @throws what the first of them fails with. */
export function askAll(
  connection: RedisConnection,
  commands: readonly (readonly RedisArgument[])[],
): Promise<readonly RedisReply[]> {
  return new Promise((resolve, reject) => {
    const replies: RedisReply[] = new Array<RedisReply>(commands.length).fill(null);
    let left = commands.length;
    if (left === 0) return resolve(replies);
    for (const [index, command] of commands.entries()) {
      connection.send(command, (error, reply) => {
        if (error) return reject(error);
        replies[index] = reply;
        if (--left === 0) resolve(replies);
      });
    }
  });
}
