import { leastAgeMs } from './seconds-to-live.js';

/** The reply to `mg KEY v c t f N…`: an item, and where it lies in the chunk that came from the socket. One object for all replies. */
export class ItemReply {
  opaque = 0;
  start = 0;
  size = 0;
  revision = 0;
  won = false;
  ageMs: number | undefined = undefined;
}

/** Numbers up to here are exact. */
const maxDigits = 15;

/**
 * Reads the item that begins here into `reply`, if all of it is in the chunk and nothing is odd about it.
 * @returns where it ends; 0: everything else is left to whoever reads replies of any kind.
 */
export function wholeItemAt(chunk: Buffer, begin: number, reply: ItemReply): number {
  // Up to `lineLimit` no read leaves the chunk, which would cost more than all the rest.
  const lineLimit = chunk.length - 1;
  if (begin + 3 > lineLimit || chunk[begin] !== upperV || chunk[begin + 1] !== upperA || chunk[begin + 2] !== space)
    return 0;
  let at = begin + 3;
  let size = 0;
  for (; at < lineLimit; at++) {
    const digit = (chunk[at] as number) - digit0;
    if (digit < 0 || digit > 9) break;
    size = size * 10 + digit;
  }
  const sizeDigits = at - begin - 3;
  if (sizeDigits < 1 || sizeDigits > 10) return 0;
  let opaque = 0;
  let revision = -1;
  let won = false;
  let left = -1;
  let given = 0;
  while (at < lineLimit && chunk[at] === space) {
    const letter = chunk[++at] as number;
    if (letter === carriageReturn) break; // some lines end with a space
    let first = ++at;
    // `t-1`: it does not expire.
    const endless = letter === lowerT && chunk[at] === minus;
    if (endless) first = ++at;
    let number = 0;
    for (; at < lineLimit; at++) {
      const digit = (chunk[at] as number) - digit0;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    const digits = at - first;
    if (digits > maxDigits) return 0;
    if (letter === upperO && digits > 0) opaque = number;
    else if (letter === lowerC && digits > 0) revision = number;
    else if (letter === lowerT && digits > 0) left = endless ? -1 : number;
    else if (letter === lowerF && digits > 0) given = number;
    else if (letter === upperW && digits === 0) won = true;
    else if (digits > 0 || (letter !== upperZ && letter !== upperX)) return 0;
  }
  if (revision < 0 || at >= lineLimit || chunk[at] !== carriageReturn || chunk[at + 1] !== lineFeed) return 0;
  const start = at + 2;
  const end = start + size + 2;
  if (end > chunk.length || chunk[end - 2] !== carriageReturn || chunk[end - 1] !== lineFeed) return 0;
  reply.opaque = opaque;
  reply.start = start;
  reply.size = size;
  reply.revision = revision;
  reply.won = won;
  reply.ageMs = left < 0 ? undefined : leastAgeMs(given, left);
  return end;
}

const space = 0x20;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const digit0 = 0x30;
const minus = 0x2d;
const upperA = 0x41;
const upperO = 0x4f;
const upperV = 0x56;
const upperW = 0x57;
const upperX = 0x58;
const upperZ = 0x5a;
const lowerC = 0x63;
const lowerF = 0x66;
const lowerT = 0x74;
