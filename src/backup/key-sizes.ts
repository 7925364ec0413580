import { askScript } from '../store/redis/ask-script.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { newWord } from '../store/redis/redis-word.js';
import { keyArgument } from './key-argument.js';
import { refusedBy } from './refused-by.js';

/** Instead of a size. */
export const expires = -1;
export const gone = -2;

// Names of keys come as arguments: those of a page of SCAN belong to many slots.
const sizes = redisScript(`#!lua flags=no-writes,allow-oom,allow-cross-slot-keys
local found = { ARGV[1] }
for i = 2, #ARGV do
  local life = redis.call('PTTL', ARGV[i])
  found[i] = life == -1 and redis.call('MEMORY', 'USAGE', ARGV[i]) or life == -2 and ${gone} or ${expires}
end
return found`);

/**
 * How many bytes of memory each key takes, `expires` for one that has an expiration, or `gone`, all at one moment. One trip and one reply: a command for each
 * key would take both sides longer than the dumps.
 */
export async function keySizes(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly number[]> {
  if (keys.length === 0) return [];
  const word = newWord();
  const [echo, ...found] =
    itemsOf(await askScript(connection, sizes, ['0', word, ...keys.map(keyArgument)]).catch(refusedBy(connection))) ??
    [];
  if (textOf(echo) !== word || found.length !== keys.length) {
    connection.end('a reply to another command');
    throw connection.unavailable('a reply to another command');
  }
  return found.map(Number);
}
