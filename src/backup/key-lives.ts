import { askScript } from '../store/redis/ask-script.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { newWord } from '../store/redis/redis-word.js';
import { keyArgument } from './key-argument.js';
import { refusedBy } from './refused-by.js';

/** What has become of a key. */
export type KeyLife = 'lasting' | 'expiring' | 'gone';

const lifeOf: Readonly<Record<string, KeyLife>> = { l: 'lasting', e: 'expiring', g: 'gone' };

// Names of keys come as arguments: those of a page of SCAN belong to many slots. One letter for each key is the least that both sides can do.
const lives = redisScript(`#!lua flags=no-writes,allow-oom,allow-cross-slot-keys
local found = {}
for i = 2, #ARGV do
  local life = redis.call('PTTL', ARGV[i])
  found[i - 1] = life == -1 and 'l' or life == -2 and 'g' or 'e'
end
return { ARGV[1], table.concat(found) }`);

/** What has become of these keys, all at one moment. @throws StoreUnavailableError */
export async function keyLives(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly KeyLife[]> {
  if (keys.length === 0) return [];
  const word = newWord();
  const reply = await askScript(connection, lives, ['0', word, ...keys.map(keyArgument)]).catch(refusedBy(connection));
  const [echo, letters] = itemsOf(reply) ?? [];
  const found = [...(textOf(letters) ?? '')].map((letter) => lifeOf[letter] ?? 'gone');
  if (textOf(echo) === word && found.length === keys.length) return found;
  connection.end('a reply to another command');
  throw connection.unavailable('a reply to another command');
}
