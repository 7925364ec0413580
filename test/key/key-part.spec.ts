import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodePart, encodePart } from '../../src/key/key-part.js';
import type { KeyPart } from '../../src/key/key-part.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import { anyPart, samePart } from './arbitrary-parts.js';

describe('a key part', () => {
  it('is read back as it was', () => {
    fc.assert(
      fc.property(anyPart, (part) => samePart(decodePart(encodePart(part)), part)),
      { numRuns: 5000 },
    );
  });

  it('is printable ASCII without separator, space and digest mark', () => {
    fc.assert(
      fc.property(anyPart, (part) => /^[\x21-\x39\x3b-\x7d]+$/.test(encodePart(part))),
      { numRuns: 5000 },
    );
  });

  it('differs from every other part, of its own or another type', () => {
    fc.assert(
      fc.property(anyPart, anyPart, (one, other) => (encodePart(one) === encodePart(other)) === samePart(one, other)),
      { numRuns: 10_000 },
    );
  });

  it.each<[KeyPart, string]>([
    ['plain-text_1.2@3', 'plain-text_1.2@3'],
    ['', '!empty'],
    ['!empty', '%21empty'],
    ['!null', '%21null'],
    ['#1', '%231'],
    ['a#1!', 'a#1!'],
    ['a:b', 'a%3Ab'],
    ['50%', '50%25'],
    ['~r', '%7Er'],
    ['a b\r\n\0', 'a%20b%0D%0A%00'],
    ['Ünï', '%C3%9Cn%C3%AF'],
    ['😀', '%F0%9F%98%80'],
    [1, '#1'],
    [-0, '#0'],
    [1e21, '#1e+21'],
    [-1.5, '#-1.5'],
    [1n, '#1n'],
    [-12n, '#-12n'],
    [true, '!true'],
    [false, '!false'],
    [null, '!null'],
  ])('%p reads %s', (part, encoded) => {
    expect(encodePart(part)).toBe(encoded);
  });

  it.each([NaN, Infinity, -Infinity, undefined, {}, [], new Date(), Symbol('s'), () => 1, '\ud800', 'a\udc00b'])(
    'is not %p',
    (part) => {
      expect(() => encodePart(part as KeyPart)).toThrow(InvalidKeyError);
    },
  );
});
