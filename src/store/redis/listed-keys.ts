import { isWireSafe } from '../store-key.js';
import { askScript } from './ask-script.js';
import type { RedisCommands } from './redis-commands.js';
import { itemsOf, textOf } from './redis-reply.js';
import { scanKeys } from './redis-scripts.js';
import { newWord } from './redis-word.js';

/**
 * The store keys of a partition that begin with the prefix. A cursor is one server's, so all pages are asked for over one connection: where that ends, or the
 * slot moves or is on its way, the listing ends with an error, as it would otherwise leave out what stands elsewhere.
 *
 * @throws StoreUnavailableError
 */
export async function* listedKeys(commands: RedisCommands, prefix: string): AsyncGenerator<string, void, undefined> {
  const connection = await commands.connected();
  const wirePrefix = commands.partition.prefix;
  const pattern = `${(wirePrefix + prefix).replace(/[*?[\]\\]/g, '\\$&')}*`;
  const owned = commands.isSharded ? ['1', wirePrefix] : ['0'];
  let cursor: string | undefined = '0';
  do {
    const word = newWord();
    const asking = askScript(connection, scanKeys, [...owned, word, cursor, pattern]);
    const reply = itemsOf(await commands.settledOr(asking));
    const keys = itemsOf(reply?.[2]);
    if (!keys || textOf(reply?.[0]) !== word) throw commands.crossed();
    for (const key of keys) {
      const storeKey = textOf(key)?.slice(wirePrefix.length) ?? '';
      // Others may have written there what is none.
      if (isWireSafe(storeKey)) yield storeKey;
    }
    cursor = textOf(reply?.[1]);
  } while (cursor !== undefined && cursor !== '0');
}
