import { askScript } from '../store/redis/ask-script.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { newWord } from '../store/redis/redis-word.js';
import { nextPackedName } from './packed-names.js';
import { refusedBy } from './refused-by.js';

/** What has become of a key. */
export type KeyLife = 'lasting' | 'expiring' | 'gone';

const lifeOf: Readonly<Record<string, KeyLife>> = { l: 'lasting', e: 'expiring', g: 'gone' };

// Names of keys come as arguments: those of a page of SCAN belong to many slots. One letter for each key is the least that both sides can do.
const lives = redisScript(`#!lua flags=no-writes,allow-oom,allow-cross-slot-keys
local names, at, n, found, call = ARGV[2], 1, 0, {}, redis.call
local key
while at <= #names do
  ${nextPackedName}
  local life = call('PTTL', key)
  n = n + 1
  found[n] = life == -1 and 'l' or life == -2 and 'g' or 'e'
end
return { ARGV[1], table.concat(found) }`);

/** What has become of these keys, all at one moment. @param names as `packedNames` gives them, `count` of them. @throws StoreUnavailableError */
export async function keyLives(connection: RedisConnection, names: Buffer, count: number): Promise<readonly KeyLife[]> {
  const word = newWord();
  const reply = await askScript(connection, lives, ['0', word, names]).catch(refusedBy(connection));
  const [echo, letters] = itemsOf(reply) ?? [];
  const found = [...(textOf(letters) ?? '')].map((letter) => lifeOf[letter] ?? 'gone');
  if (textOf(echo) === word && found.length === count) return found;
  connection.end('a reply to another command');
  throw connection.unavailable('a reply to another command');
}
