import { describe, expect, it } from '@jest/globals';
import { valueReplyAt } from '../../src/store/memcached/meta-reply.js';

const reply = 'VA 5 c18 O7 W\r\nhello\r\n';

describe('a VA reply in a chunk', () => {
  it('is read with its flags, wherever it begins', () => {
    const chunk = Buffer.from(`HD O6\r\n${reply}EN O8\r\n`);
    const found = valueReplyAt(chunk, 7);
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

  it('may have no flags, an unknown win, or a space at the end', () => {
    for (const [line, won] of [
      ['VA 5', false],
      ['VA 5 Z', false],
      ['VA 5 W X ', true],
    ] as const) {
      expect(valueReplyAt(Buffer.from(`${line}\r\nhello\r\n`), 0)?.reply).toMatchObject({ won, opaque: undefined });
    }
  });

  it('is left to the parser at every cut', () => {
    for (let length = 0; length < reply.length; length++) {
      expect(valueReplyAt(Buffer.from(reply.slice(0, length)), 0)).toBeUndefined();
    }
    expect(valueReplyAt(Buffer.from(reply), 0)?.end).toBe(reply.length);
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
  ])('is left to the parser when it is odd: %j', (odd) => {
    expect(valueReplyAt(Buffer.from(odd), 0)).toBeUndefined();
  });
});
