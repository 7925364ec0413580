import type { ItemAnswer } from '../item-ask.js';
import { leastAgeMs } from './seconds-to-live.js';

/** One reply of the meta protocol (doc/protocol.txt of memcached 1.6), with the flags that are asked for here. */
export interface MetaReply {
  /** `HD`, `VA`, `EN`, `NS`, `EX` or `NF`; `VERSION` or `END` to the other two commands; `STORED` and the like to those of the older protocol. */
  readonly code: string;
  /** Flag `O`: the number of the command that this answers. */
  readonly opaque: number | undefined;
  /** Flag `c`: the item's revision. */
  readonly revision: number | undefined;
  /** Flag `W`: the right to fill was won. */
  readonly won: boolean;
  /** Flag `s`: the bytes of the item's value. */
  readonly size: number | undefined;
  /** Flag `t`: seconds until it expires. Undefined also for an item that doesn't. */
  readonly secondsLeft: number | undefined;
  /** Flag `f`: the number that its writer left with it. */
  readonly clientFlags: number | undefined;
  /** Of a `VA`. */
  readonly value: Buffer | undefined;
  /** The first word after the code, as it came: the version. */
  readonly word: string;
}

/** A reply as it lies in a chunk that came from the socket. */
export class ReplyInChunk implements MetaReply {
  code = '';
  opaque: number | undefined = undefined;
  revision: number | undefined = undefined;
  won = false;
  size: number | undefined = undefined;
  secondsLeft: number | undefined = undefined;
  clientFlags: number | undefined = undefined;
  word = '';
  /** Its value lies in these bytes from `start` to `end`. */
  bytes: Buffer = nothing;
  start = 0;
  end = 0;
  /** Of the connection that it came by: see `Revision`. */
  session = 0;

  /** Takes its value out of the chunk, which is another's soon. */
  keep(): this {
    if (this.code !== 'VA') return this;
    this.bytes = Buffer.from(this.bytes.subarray(this.start, this.end));
    this.start = 0;
    this.end = this.bytes.length;
    return this;
  }

  get value(): Buffer | undefined {
    return this.code === 'VA' ? this.bytes.subarray(this.start, this.end) : undefined;
  }

  /** How old the item is at least; undefined: it can't be told. */
  get ageMs(): number | undefined {
    return leastAgeMs(this.clientFlags, this.secondsLeft);
  }

  /** Whether it answers a question: with an item, and with its revision. */
  isItem(): this is ItemAnswer {
    return this.code === 'VA' && Number.isSafeInteger(this.revision);
  }
}

/** Numbers up to here are exact. */
const maxDigits = 15;

/** A reply's line as it was split at its spaces. */
export function replyOf([code = '', ...flags]: readonly string[], value: Buffer | undefined): ReplyInChunk {
  const flag = (letter: string): number | undefined =>
    wholeNumber(flags.find((one) => one.startsWith(letter))?.slice(1));
  const reply = new ReplyInChunk();
  reply.code = code;
  reply.opaque = flag('O');
  reply.revision = flag('c');
  reply.won = flags.includes('W');
  reply.size = flag('s');
  reply.secondsLeft = flag('t');
  reply.clientFlags = flag('f');
  reply.word = flags[0] ?? '';
  if (value) {
    reply.bytes = value;
    reply.end = value.length;
  }
  return reply;
}

/**
 * `EN` and nothing else, as a server with extstore answers an `mg` whose value its disk has no more (storage.c, 1.6.18 and later). One that nobody asked for
 * is a false miss, and the reply that was meant ends the connection.
 */
export const isBareMiss = ({ code, opaque, word }: MetaReply): boolean =>
  code === 'EN' && opaque === undefined && word === '';

/**
 * Reads the reply that begins here into `reply`, if all of it is in the chunk and nothing is odd about it; everything else is left to the parser,
 * which knows what to make of it. Nearly all that a cache is told are such replies, and this reads their line without making one string of it.
 * @returns where it ends; 0: it is left to the parser.
 */
export function readReplyAt(chunk: Buffer, begin: number, reply: ReplyInChunk): number {
  // Up to `lineLimit` no read leaves the chunk, which would cost more than all the rest.
  const lineLimit = chunk.length - 1;
  if (begin + 3 > lineLimit) return 0;
  const code = codeOf((chunk[begin] as number) * 256 + (chunk[begin + 1] as number));
  if (code === undefined) return 0;
  let at = begin + 2;
  let size = code === 'VA' ? -1 : 0;
  let opaque: number | undefined;
  let revision: number | undefined;
  let won = false;
  let itemSize: number | undefined;
  let secondsLeft: number | undefined;
  let clientFlags: number | undefined;
  while (at < lineLimit && chunk[at] === space) {
    const letter = chunk[++at] as number;
    if (letter === carriageReturn) break; // some lines end with a space
    let first = size < 0 ? at : ++at;
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
    if (size < 0 && digits > 0) size = number;
    else if (letter === upperO && digits > 0) opaque = number;
    else if (letter === lowerC && digits > 0) revision = number;
    else if (letter === lowerT && digits > 0) secondsLeft = endless ? undefined : number;
    else if (letter === lowerF && digits > 0) clientFlags = number;
    else if (letter === lowerS && digits > 0) itemSize = number;
    else if (letter === upperW && digits === 0) won = true;
    else if (digits > 0 || (letter !== upperZ && letter !== upperX)) return 0;
  }
  if (size < 0 || at >= lineLimit || chunk[at] !== carriageReturn || chunk[at + 1] !== lineFeed) return 0;
  const start = at + 2;
  const end = start + size;
  if (code === 'VA' && (end + 2 > chunk.length || chunk[end] !== carriageReturn || chunk[end + 1] !== lineFeed))
    return 0;
  reply.code = code;
  reply.opaque = opaque;
  reply.revision = revision;
  reply.won = won;
  reply.size = itemSize;
  reply.secondsLeft = secondsLeft;
  reply.clientFlags = clientFlags;
  reply.bytes = chunk;
  reply.start = start;
  reply.end = end;
  return code === 'VA' ? end + 2 : start;
}

/** The code that these two bytes spell. */
function codeOf(twoBytes: number): string | undefined {
  switch (twoBytes) {
    case 0x5641:
      return 'VA';
    case 0x4844:
      return 'HD';
    case 0x454e:
      return 'EN';
    case 0x4e53:
      return 'NS';
    case 0x4558:
      return 'EX';
    case 0x4e46:
      return 'NF';
    default:
      return undefined;
  }
}

function wholeNumber(digits: string | undefined): number | undefined {
  return digits !== undefined && /^\d{1,20}$/.test(digits) ? Number(digits) : undefined;
}

const nothing = Buffer.alloc(0);
const space = 0x20;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const digit0 = 0x30;
const upperO = 0x4f;
const upperW = 0x57;
const upperX = 0x58;
const upperZ = 0x5a;
const minus = 0x2d;
const lowerC = 0x63;
const lowerF = 0x66;
const lowerS = 0x73;
const lowerT = 0x74;
