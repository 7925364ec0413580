import { describe, expect, it } from '@jest/globals';
import { wholeReplyAt } from '../../src/store/memcached/meta-reply.js';

const reply = 'VA 5 c18 O7 W\r\nhello\r\n';

describe('a reply in a chunk', () => {
  it('is read with its flags, wherever it begins', () => {
    const chunk = Buffer.from(`HD O6\r\n${reply}EN O8\r\n`);
    const found = wholeReplyAt(chunk, 7);
    expect(found?.reply).toEqual({
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
    const found = wholeReplyAt(Buffer.from(`${code} c5 O9\r\nVA 1 O10\r\n1\r\n`), 0);
    expect(found).toEqual({
      reply: { code, opaque: 9, revision: 5, won: false, value: undefined, word: '' },
      end: 10,
    });
    expect(wholeReplyAt(Buffer.from(`${code}\r\n`), 0)).toMatchObject({ reply: { code, opaque: undefined }, end: 4 });
    expect(wholeReplyAt(Buffer.from(`${code} c5 O9\r`), 0)).toBeUndefined();
  });

  it('may have no flags, an unknown win, or a space at the end', () => {
    for (const [line, won] of [
      ['VA 5', false],
      ['VA 5 Z', false],
      ['VA 5 W X ', true],
    ] as const) {
      expect(wholeReplyAt(Buffer.from(`${line}\r\nhello\r\n`), 0)?.reply).toMatchObject({ won, opaque: undefined });
    }
  });

  it('is left to the parser at every cut', () => {
    for (let length = 0; length < reply.length; length++) {
      expect(wholeReplyAt(Buffer.from(reply.slice(0, length)), 0)).toBeUndefined();
    }
    expect(wholeReplyAt(Buffer.from(reply), 0)?.end).toBe(reply.length);
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
    expect(wholeReplyAt(Buffer.from(odd), 0)).toBeUndefined();
  });
});
