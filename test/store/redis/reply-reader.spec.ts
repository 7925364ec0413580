import { describe, expect, it, jest } from '@jest/globals';
import { MalformedReplyError } from '../../../src/store/redis/driver/malformed-reply-error.js';
import type { RedisReply } from '../../../src/store/redis/driver/redis-driver.js';
import { ReplyReader } from '../../../src/store/redis/driver/reply-reader.js';
import { RedisServerError } from '../../../src/store/redis/redis-server-error.js';
import { seededRandom } from '../../support/seeded-random.js';
import type { SeededRandom } from '../../support/seeded-random.js';

/** What a reader makes of these chunks. Each is written over once it was read, as a socket's are. */
function repliesIn(chunks: readonly Buffer[]): RedisReply[] {
  const replies: RedisReply[] = [];
  const reader = new ReplyReader((reply) => replies.push(reply));
  for (const chunk of chunks) {
    const passing = Buffer.from(chunk);
    reader.read(passing);
    passing.fill('*');
  }
  return replies;
}

const bulk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);

/** As a server writes a reply. */
function wireOf(reply: RedisReply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n');
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`);
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`);
  if (reply instanceof RedisServerError) return Buffer.from(`-${reply.message}\r\n`);
  if (Buffer.isBuffer(reply)) return bulk(reply);
  return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(wireOf)]);
}

const some: readonly RedisReply[] = [
  'OK',
  '',
  'grüße',
  new RedisServerError('WRONGTYPE Operation against a key'),
  0,
  -1,
  9_007_199_254_740_991,
  Buffer.from('a\r\nb'),
  Buffer.alloc(0),
  null,
  [],
  [Buffer.from('k'), null, 7, [new RedisServerError('ERR x'), [[]], 'PONG'], Buffer.from('last')],
  Buffer.from([0, 255, 13, 10]),
];

describe('Replies of RESP2', () => {
  const stream = Buffer.concat([...some.map(wireOf), Buffer.from('*-1\r\n')]);
  const all = [...some, null];

  it('are read as the server wrote them', () => {
    expect(repliesIn([stream])).toEqual(all);
  });

  it('are the same wherever the stream is cut in two, and byte by byte', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(repliesIn([stream.subarray(0, at), stream.subarray(at)])).toEqual(all);
    }
    expect(repliesIn([...stream].map((byte) => Buffer.from([byte])))).toEqual(all);
  });

  it('are the same however any replies are cut, 300 times with seed 16', () => {
    const random = seededRandom(16);
    for (let time = 0; time < 300; time++) {
      const replies = Array.from({ length: random.integer(0, 19) }, () => anyReply(random, 0));
      const bytes = Buffer.concat(replies.map(wireOf));
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + 1 + random.integer(0, random() < 0.5 ? 4 : 300));
        chunks.push(bytes.subarray(at, end));
        at = end;
      }
      expect(repliesIn(chunks)).toEqual(replies);
    }
  });

  it('end where the reader is told to, also within a chunk', () => {
    const replies: RedisReply[] = [];
    const reader = new ReplyReader((reply) => {
      replies.push(reply);
      reader.stop();
    });
    reader.read(stream);
    reader.read(stream);
    expect(replies).toEqual(['OK']);
  });

  it('are read wherever in a long chunk they begin', () => {
    const replies = [...Array.from({ length: 10_000 }, (_, index) => index), Buffer.from('last')];
    expect(repliesIn([Buffer.concat(replies.map(wireOf))])).toEqual(replies);
  });

  it('are read up to where the chunk was filled', () => {
    const replies: RedisReply[] = [];
    const reader = new ReplyReader((reply) => replies.push(reply));
    const chunk = Buffer.from(':1\r\n:2\r\n:3\r\n');
    reader.read(chunk, 6);
    expect(replies).toEqual([1]);
    reader.read(chunk.subarray(6), 2);
    expect(replies).toEqual([1, 2]);
  });
});

describe('Items that somebody takes where they lie', () => {
  const wire = Buffer.concat([[Buffer.from('ab'), null, Buffer.alloc(0), Buffer.from('c\r\nd')], [], 'OK'].map(wireOf));

  function takenFrom(chunks: readonly Buffer[]): unknown[] {
    const told: unknown[] = [];
    const take = (bytes: Buffer | null, start: number, end: number): void =>
      void told.push(bytes?.toString('latin1', start, end) ?? null);
    const reader = new ReplyReader(
      (reply) => told.push(['reply', reply]),
      () => ({ take }),
    );
    for (const chunk of chunks) {
      const passing = Buffer.from(chunk);
      reader.read(passing);
      passing.fill('*');
    }
    return told;
  }

  it('are told one by one, before the empty array that is their reply, however they are cut', () => {
    const told = ['ab', null, '', 'c\r\nd', ['reply', []], ['reply', []], ['reply', 'OK']];
    for (let at = 0; at <= wire.length; at++) {
      expect(takenFrom([wire.subarray(0, at), wire.subarray(at)])).toEqual(told);
    }
    expect(takenFrom([...wire].map((byte) => Buffer.from([byte])))).toEqual(told);
  });

  it('are strings: anything else ends it', () => {
    for (const item of [':1\r\n', '+OK\r\n', '-ERR x\r\n', '*1\r\n$1\r\nx\r\n']) {
      expect(() => takenFrom([Buffer.from(`*1\r\n${item}`)])).toThrow(MalformedReplyError);
    }
  });

  it('end where the reader is told to', () => {
    const told: unknown[] = [];
    const reader = new ReplyReader(
      () => told.push('a reply'),
      () => ({ take: (_, start) => (told.push(start), reader.stop()) }),
    );
    reader.read(wire);
    expect(told).toEqual([8]);
  });
});

describe('A string of 10 MB', () => {
  it('that comes in chunks of 1,000 bytes is copied about twice, not once per chunk', () => {
    const bytes = Buffer.alloc(10_000_000, 'x');
    const wire = bulk(bytes);
    const reader = new ReplyReader((reply) => expect((reply as Buffer).equals(bytes)).toBe(true));
    const copies = jest.spyOn(Buffer.prototype as Buffer, 'copy');
    for (let at = 0; at < wire.length; at += 1_000) reader.read(wire.subarray(at, at + 1_000));
    const copied = copies.mock.results.reduce((sum, { value }) => sum + Number(value), 0);
    copies.mockRestore();
    expect(copied).toBeGreaterThan(bytes.length);
    expect(copied).toBeLessThan(4 * bytes.length);
    expect.assertions(3);
  });

  it('that is only announced takes no memory', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 100 }, () => new ReplyReader(() => {}));
    for (const reader of readers) reader.read(Buffer.from(`$${2 ** 30}\r\nxx`));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 25);
  });
});

describe('What is no reply of RESP2', () => {
  it.each([
    ['another kind', '_\r\n'],
    ['another kind, before its line has ended', 'HTTP/1.1 400'],
    ['an empty line', '\r\n'],
    ['a line that ends without CR', '+OK\n'],
    ['a number with letters', ':12x\r\n'],
    ['no number', ':\r\n'],
    ['a sign alone', ':-\r\n'],
    ['too many digits', `:${'9'.repeat(20)}\r\n`],
    ['a size below none', '$-2\r\n'],
    ['a refusal in other words than a server has', '-$1482\r\n'],
    ['no size', '$x\r\n'],
    ['a size that no string has', '$99999999999\r\n'],
    ['an array below none', '*-2\r\n'],
    ['an array that none is so large', '*99999999999\r\n'],
    ['a string that is longer than its size', '$2\r\nabc\r\n'],
    ['a string without its end', '$2\r\nab\rx'],
    ['an endless line', `+${'x'.repeat(20_000)}\r\n`],
    ['an endless line, before it has ended', `-${'x'.repeat(20_000)}`],
    ['arrays in arrays without end', '*1\r\n'.repeat(33)],
  ])('ends it, and quotes nothing of it: %s', (_, text) => {
    for (const cuts of [[text], [...text]]) {
      const read = (): unknown => repliesIn([Buffer.from(':1\r\n'), ...cuts.map((part) => Buffer.from(part))]);
      expect(read).toThrow(MalformedReplyError);
      expect(read).not.toThrow(/xxx|HTTP/);
    }
  });

  it('is no array that is nested 32 deep, which is read', () => {
    let reply = repliesIn([Buffer.from(`${'*1\r\n'.repeat(32)}:7\r\n`)])[0];
    let depth = 0;
    for (; Array.isArray(reply); depth++) reply = (reply as RedisReply[])[0];
    expect([depth, reply]).toEqual([32, 7]);
  });
});

function anyReply(random: SeededRandom, depth: number): RedisReply {
  switch (random.integer(0, depth > 3 ? 4 : 5)) {
    case 0:
      return random.integer(0, 1999) - 1_000;
    case 1:
      return null;
    case 2:
      return 'x'.repeat(random.integer(0, 19));
    case 3:
      return new RedisServerError(`ERR ${random.integer(0, 99)}`);
    case 4:
      return random.bytes(random.integer(0, random() < 0.1 ? 2_000 : 30));
    default:
      return Array.from({ length: random.integer(0, 5) }, () => anyReply(random, depth + 1));
  }
}
