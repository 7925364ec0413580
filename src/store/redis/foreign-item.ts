import { createHash } from 'node:crypto';

/**
 * What stands under a key of the library and was written by somebody else: a text, half an item, a list. Nobody understands it; whoever loads replaces it,
 * by a revision that is made of its first bytes. No item of this key and no counter begins with the same ones.
 */
export const foreignHeadBytes = 64;

/** No format begins with a zero byte. */
export const foreignBytes = Buffer.of(0);

const digestBits = 160n;
const mark = '!';
const digestOfNoText = '0'.repeat(40);

/** Of bytes, of which the first ones do; without any, of what is no text. Below the revisions of all counters. */
export function foreignRevision(bytes?: Buffer): bigint {
  const digest = bytes ? createHash('sha1').update(bytes.subarray(0, foreignHeadBytes)).digest('hex') : digestOfNoText;
  return -1n - ((1n << digestBits) | BigInt(`0x${digest}`));
}

/** What scripts compare such a revision with; undefined: it is another kind of revision. */
export function foreignHead(revision: bigint): string | undefined {
  const digits = -1n - revision;
  if (digits < 1n << digestBits) return undefined;
  return mark + digits.toString(16).slice(1);
}

/** Of Lua: the same of what stands under a key; false where nothing does. */
export const foreignHeadInLua = (key: string): string => `
  local head = redis.pcall('GETRANGE', ${key}, 0, ${foreignHeadBytes - 1})
  if redis.call('EXISTS', ${key}) == 0 then stands = false
  else stands = '${mark}' .. (type(head) == 'string' and redis.sha1hex(head) or '${digestOfNoText}') end`;
