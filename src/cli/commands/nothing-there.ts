import { keyFrom, withNumbers } from '../key-argument.js';
import { whyNothing } from '../listed-versions.js';
import type { OpenedStore } from '../open-cache.js';

/** What a command on a key takes. */
export const oneKey = { min: 1, max: 1, what: 'one KEY' } as const;

/** Says that the key is absent; where there is one with numbers for its digits, how those are written. */
export async function nothingThere(text: string, opened: OpenedStore): Promise<string> {
  const { storeKey } = opened.find(keyFrom(text, opened.keySpace));
  return `${storeKey}: absent\n${await numberedThere(text, opened)}`;
}

/** How the numbers of a key are written, where there is one with numbers for its digits; else empty. */
export async function numberedThere(text: string, { find }: OpenedStore): Promise<string> {
  const numbered = withNumbers(text);
  if (!numbered) return '';
  const { storeKey, shard } = find(numbered);
  const [item] = await shard.readMany([storeKey]);
  return item ? `${numbered.text} is there: a number is written with # in front.\n` : '';
}

/** Why a look finds nothing, where the namespace, the version or the secret is not the application's; else empty. */
export async function hint({ listed, keySpace, identity }: OpenedStore): Promise<string> {
  return whyNothing(await listed(), keySpace, identity) ?? '';
}
