import { describe, expect, it } from '@jest/globals';
import { ReplyInChunk, readReplyAt } from '../../src/store/memcached/meta-reply.js';

/** The reply that begins there, and where it ends; undefined: it is left to the parser. */
function read(chunk: Buffer, begin = 0): { reply: ReplyInChunk; end: number } | undefined {
  const reply = new ReplyInChunk();
  const end = readReplyAt(chunk, begin, reply);
  return end === 0 ? undefined : { reply, end };
}

const reply = 'VA 5 c18 O7 W\r\nhello\r\n';

describe('a reply in a chunk', () => {
  it('is read with its flags, wherever it begins', () => {
    const chunk = Buffer.from(`HD O6\r\n${reply}EN O8\r\n`);
    const found = read(chunk, 7);
    expect(found?.reply).toMatchObject({
      code: 'VA',
      opaque: 7,
      revision: 18,
      won: true,
      value: Buffer.from('hello'),
      word: '',
    });
    expect(chunk.toString('latin1', found?.end)).toBe('EN O8\r\n');
  });

  it.each(['HD', 'EN', 'NS', 'EX', 'NF'])('%s has no value', (code) => {
    const found = read(Buffer.from(`${code} c5 O9\r\nVA 1 O10\r\n1\r\n`));
    expect(found).toMatchObject({
      reply: { code, opaque: 9, revision: 5, won: false, value: undefined, word: '' },
      end: 10,
    });
    expect(read(Buffer.from(`${code}\r\n`))).toMatchObject({ reply: { code, opaque: undefined }, end: 4 });
    expect(read(Buffer.from(`${code} c5 O9\r`))).toBeUndefined();
  });

  it('may have no flags, an unknown win, or a space at the end', () => {
    for (const [line, won] of [
      ['VA 5', false],
      ['VA 5 Z', false],
      ['VA 5 W X ', true],
    ] as const) {
      expect(read(Buffer.from(`${line}\r\nhello\r\n`))?.reply).toMatchObject({ won, opaque: undefined });
    }
  });

  it('is an item only with a value and its revision, of which it tells the least age', () => {
    const item = read(Buffer.from('VA 4 c7 t3 f9 W O5\r\nabcd\r\n'))?.reply;
    expect(item).toMatchObject({ start: 20, end: 24, revision: 7, won: true, ageMs: 5_000 });
    expect(item?.isItem()).toBe(true);
    for (const other of ['VA 4 t3 O5\r\nabcd\r\n', 'EN O5\r\n', 'HD c7 O5\r\n']) {
      expect(read(Buffer.from(other))?.reply.isItem()).toBe(false);
    }
    expect(read(Buffer.from('VA 1 c7 t-1 f9 O5\r\na\r\n'))?.reply.ageMs).toBeUndefined();
  });

  it('leaves nothing of itself in the next that is read into the same object', () => {
    const same = new ReplyInChunk();
    const chunk = Buffer.from('VA 4 c7 t3 f9 s4 W O5\r\nabcd\r\nVA 1 O6\r\na\r\n');
    const next = readReplyAt(chunk, 0, same);
    expect(readReplyAt(chunk, next, same)).toBe(chunk.length);
    const known = read(chunk, next)?.reply;
    expect({ ...same }).toEqual({ ...known });
    expect(same.isItem()).toBe(false);
  });

  it('is left to the parser at every cut', () => {
    for (let length = 0; length < reply.length; length++) {
      expect(read(Buffer.from(reply.slice(0, length)))).toBeUndefined();
    }
    expect(read(Buffer.from(reply))?.end).toBe(reply.length);
  });

  it.each([
    'VA -5 O7\r\nhello\r\n',
    'VA  O7\r\nhello\r\n',
    'VA 5x O7\r\nhello\r\n',
    'VA 4 O7\r\nhello\r\n',
    'VA 6 O7\r\nhello\r\n',
    'VA 5 kkey O7\r\nhello\r\n',
    'VA 5 W1 O7\r\nhello\r\n',
    'VA 5 c O7\r\nhello\r\n',
    'VA 5 c1234567890123456 O7\r\nhello\r\n',
    'VA 5 O7\nhello\r\n',
    'VA 9999999999999999 O7\r\nhello\r\n',
    'va 5 O7\r\nhello\r\n',
    'ERROR\r\nVA 1 O7\r\nx\r\n',
    'HDX O7\r\n',
    'VERSION 1.6.18\r\n',
  ])('is left to the parser when it is odd: %j', (odd) => {
    expect(read(Buffer.from(odd))).toBeUndefined();
  });
});
