import { keyFrom, withNumbers } from '../key-argument.js';
import { whyNothing } from '../listed-versions.js';
import type { OpenedStore } from '../open-cache.js';

/** What a command on a key takes. */
export const oneKey = { min: 1, max: 1, what: 'one KEY' } as const;

/** Says that the key is absent; where there is one with numbers for its digits, how those are written. */
export async function nothingThere(text: string, { find, keySpace }: OpenedStore): Promise<string> {
  const absent = `${find(keyFrom(text, keySpace)).storeKey}: absent\n`;
  const numbered = withNumbers(text);
  if (!numbered) return absent;
  const { storeKey, shard } = find(numbered);
  const [item] = await shard.readMany([storeKey]);
  return item ? `${absent}${numbered.text} is there: a number is written with # in front.\n` : absent;
}

/** Why a look finds nothing, where the namespace, the version or the secret is not the application's; else empty. */
export async function hint({ listed, keySpace, identity }: OpenedStore): Promise<string> {
  return whyNothing(await listed(), keySpace, identity) ?? '';
}
