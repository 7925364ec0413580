import type { Key } from '../../key/key.js';
import type { Store } from '../../store/store.js';
import { keyFrom, withNumbers } from '../key-argument.js';

/** What a command on a key takes. */
export const oneKey = { min: 1, max: 1, what: 'one KEY' } as const;

/** Says that the key is absent; where there is one with numbers for its digits, how those are written. */
export async function nothingThere(text: string, store: Store, storeKeyOf: (key: Key) => string): Promise<string> {
  const absent = `${storeKeyOf(keyFrom(text))}: absent\n`;
  const numbered = withNumbers(text);
  if (!numbered) return absent;
  const storeKey = storeKeyOf(numbered);
  const [item] = await store.shardOf(storeKey).readMany([storeKey]);
  return item ? `${absent}${numbered.text} is there: a number is written with # in front.\n` : absent;
}
