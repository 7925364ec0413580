import { askScript } from '../store/redis/ask-script.js';
import type { RedisArgument, RedisReply } from '../store/redis/driver/redis-driver.js';
import { otherReply } from '../store/redis/other-reply.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import type { RedisScript } from '../store/redis/redis-script.js';
import { RedisServerError } from '../store/redis/redis-server-error.js';
import { newWord } from '../store/redis/redis-word.js';
import { refusedBy } from '../store/redis/refused-by.js';

/**
 * Runs a script about many keys, whose names are arguments: they belong to many slots. It returns its first argument, a word, and then what it found.
 * @param commands those of the script. A script that is refused does not say which of them is: each, asked by itself, does.
 * @throws StoreUnavailableError
 */
export async function askAboutKeys(
  connection: RedisConnection,
  script: RedisScript,
  args: readonly RedisArgument[],
  commands: readonly (readonly RedisArgument[])[],
): Promise<readonly RedisReply[]> {
  const word = newWord();
  const reply = await askScript(connection, script, ['0', word, ...args]).catch(async (error: unknown) => {
    if (error instanceof RedisServerError) {
      for (const command of commands) await connection.ask(command).catch(refusedBy(connection));
    }
    return refusedBy(connection)(error);
  });
  const items = itemsOf(reply);
  if (textOf(items?.[0]) !== word) throw otherReply(connection);
  return items?.slice(1) ?? [];
}

/** What a script about keys begins with. */
export const scriptHead = '#!lua flags=no-writes,allow-oom,allow-cross-slot-keys';
