import { firstRoom, growFor } from '../../growing-value.js';
import type { GrowingValue } from '../../growing-value.js';
import { RedisServerError } from '../redis-server-error.js';
import { MalformedReplyError } from './malformed-reply-error.js';
import { isServerAnswer } from './read-reply.js';
import type { ItemsTaker, RedisReply } from './redis-driver.js';

/** A status or an error is shorter by far; more bytes without an end are no reply. */
const maxLineBytes = 16_384;
/** No server takes as much into one string unless it was set up to. */
const maxBulkBytes = 2 ** 31;
/** What is asked here nests four deep. */
const maxDepth = 32;

/** An array of which not all items have come. */
interface OpenArray {
  readonly items: RedisReply[];
  /** Is told of its items instead. */
  readonly taker: ItemsTaker | undefined;
  left: number;
  readonly depth: number;
  readonly outer: OpenArray | undefined;
}

/** A bulk string of which not all bytes have come. */
interface OpenBulk extends GrowingValue {
  readonly announcedBytes: number;
  /** How much of its CR LF has come. */
  endBytes: number;
}

/**
 * Reads replies of RESP2 from chunks that are cut anywhere. A bulk string is copied out of its chunk, into room that grows with the bytes that came: a chunk may
 * be written over once `read` returns, and a size that a server only announces takes no memory.
 */
export class ReplyReader {
  /** A line of which the end has not come. */
  private openLine: Buffer | undefined;
  private openBulk: OpenBulk | undefined;
  private openArray: OpenArray | undefined;
  private isStopped = false;

  /**
   * @param take is called with each whole reply; an error of the server is a RedisServerError.
   * @param takerOf who is told of the items of the array that begins, instead of being given it.
   */
  constructor(
    private readonly take: (reply: RedisReply) => void,
    private readonly takerOf: () => ItemsTaker | undefined = () => undefined,
  ) {}

  /** @param end how much of the chunk there is to read. @throws MalformedReplyError; what `take` throws. Neither can be read on after. */
  read(chunk: Buffer, end = chunk.length): void {
    let at = 0;
    while (at < end && !this.isStopped) {
      if (this.openBulk) at = this.fill(this.openBulk, chunk, at, end);
      else at = this.readLine(chunk, at, end);
    }
  }

  /** Nothing is taken any more, also not of the chunk that is being read. */
  stop(): void {
    this.isStopped = true;
    this.openLine = this.openBulk = this.openArray = undefined;
  }

  /** @returns where what follows the line begins, or what follows the string that it announces. */
  private readLine(chunk: Buffer, begin: number, end: number): number {
    let lineFeed = begin;
    while (lineFeed < end && chunk[lineFeed] !== 0x0a) lineFeed++;
    const cut = this.openLine;
    if (cut === undefined && lineFeed < end) return this.understand(chunk, begin, lineFeed, chunk, lineFeed + 1, end);
    const came = chunk.subarray(begin, Math.min(lineFeed + 1, end));
    const line = cut === undefined ? Buffer.from(came) : Buffer.concat([cut, came]);
    if (!isKind(line[0])) throw new MalformedReplyError('what it sent is no reply');
    if (line.length > maxLineBytes) throw new MalformedReplyError('it sent an endless line');
    this.openLine = lineFeed < end ? undefined : line;
    if (lineFeed === end) return end;
    return this.understand(line, 0, line.length - 1, chunk, lineFeed + 1, end);
  }

  /** @param line holds a line that begins at `begin` and has its LF at `lineFeed`; what follows it is in the chunk. */
  private understand(line: Buffer, begin: number, lineFeed: number, chunk: Buffer, next: number, end: number): number {
    const lineEnd = lineFeed - 1;
    if (lineEnd <= begin || line[lineEnd] !== 0x0d) throw new MalformedReplyError('what it sent is no reply');
    if (lineEnd - begin > maxLineBytes) throw new MalformedReplyError('it sent an endless line');
    switch (line[begin]) {
      case kinds.bulk:
        return this.beginBulk(numberIn(line, begin + 1, lineEnd), chunk, next, end);
      case kinds.array:
        this.beginArray(numberIn(line, begin + 1, lineEnd));
        break;
      case kinds.integer:
        this.complete(numberIn(line, begin + 1, lineEnd));
        break;
      case kinds.status:
        this.complete(line.toString('utf8', begin + 1, lineEnd));
        break;
      case kinds.error:
        this.complete(refusalIn(line.toString('utf8', begin + 1, lineEnd)));
        break;
      default:
        throw new MalformedReplyError('what it sent is no reply');
    }
    return next;
  }

  private beginBulk(size: number, chunk: Buffer, begin: number, end: number): number {
    if (size === -1) {
      this.complete(null);
      return begin;
    }
    if (size < 0 || size > maxBulkBytes) throw new MalformedReplyError('it announced a string of no such size');
    const bulkEnd = begin + size;
    if (bulkEnd + 2 > end) {
      const data = Buffer.allocUnsafe(firstRoom(size));
      this.openBulk = { data, filled: 0, announcedBytes: size, endBytes: 0 };
      return begin;
    }
    if (chunk[bulkEnd] !== 0x0d || chunk[bulkEnd + 1] !== 0x0a) throw new MalformedReplyError(wrongSize);
    const array = this.openArray;
    if (array?.taker) {
      array.taker.take(chunk, begin, bulkEnd);
      this.countItem(array);
    } else {
      const bytes = Buffer.allocUnsafe(size);
      chunk.copy(bytes, 0, begin, bulkEnd);
      this.complete(bytes);
    }
    return bulkEnd + 2;
  }

  private fill(bulk: OpenBulk, chunk: Buffer, begin: number, end: number): number {
    const { announcedBytes, filled } = bulk;
    let at = begin + Math.min(announcedBytes - filled, end - begin);
    growFor(bulk, at - begin, announcedBytes);
    chunk.copy(bulk.data, filled, begin, at);
    bulk.filled += at - begin;
    if (bulk.filled < announcedBytes) return at;
    for (; at < end && bulk.endBytes < 2; at++) {
      if (chunk[at] !== (bulk.endBytes++ === 0 ? 0x0d : 0x0a)) throw new MalformedReplyError(wrongSize);
    }
    if (bulk.endBytes === 2) {
      this.openBulk = undefined;
      this.complete(bulk.data);
    }
    return at;
  }

  private beginArray(size: number): void {
    if (size === -1) return this.complete(null);
    if (size < 0 || size > maxBulkBytes) throw new MalformedReplyError('it announced an array of no such size');
    if (size === 0) return this.complete([]);
    const outer = this.openArray;
    const depth = outer === undefined ? 1 : outer.depth + 1;
    if (depth > maxDepth) throw new MalformedReplyError('its arrays are nested too deep');
    this.openArray = { items: [], taker: outer === undefined ? this.takerOf() : undefined, left: size, depth, outer };
  }

  /** A reply, or an item of one. */
  private complete(value: RedisReply): void {
    if (this.isStopped) return;
    const array = this.openArray;
    if (array === undefined) return this.take(value);
    if (array.taker === undefined) array.items.push(value);
    else if (value === null) array.taker.take(null, 0, 0);
    else if (Buffer.isBuffer(value)) array.taker.take(value, 0, value.length);
    else throw new MalformedReplyError('it sent an item that is no string');
    this.countItem(array);
  }

  private countItem(array: OpenArray): void {
    if (--array.left > 0) return;
    this.openArray = array.outer;
    this.complete(array.items);
  }
}

function refusalIn(words: string): RedisServerError {
  if (!isServerAnswer(words)) throw new MalformedReplyError('it refused in words that no server has');
  return new RedisServerError(words);
}

const wrongSize = 'it sent a string of another size than announced';

const kinds = { bulk: 0x24, array: 0x2a, integer: 0x3a, status: 0x2b, error: 0x2d } as const;

function isKind(byte: number | undefined): boolean {
  return Object.values<number | undefined>(kinds).includes(byte);
}

/** A whole number, which may be negative: at most the 19 digits of 64 bits. */
function numberIn(line: Buffer, begin: number, end: number): number {
  const isNegative = line[begin] === 0x2d;
  const first = isNegative ? begin + 1 : begin;
  let number = 0;
  for (let at = first; at < end; at++) {
    const digit = (line[at] as number) - 0x30;
    if (digit < 0 || digit > 9) throw new MalformedReplyError('it sent a number that is none');
    number = number * 10 + digit;
  }
  if (end === first || end - first > 19) throw new MalformedReplyError('it sent a number that is none');
  return isNegative ? -number : number;
}
