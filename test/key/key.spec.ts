import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Key, isPlainId, toKey, versionedKey } from '../../src/key/key.js';
import type { KeyPart } from '../../src/key/key-part.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import { anyParts, anyText, sameParts } from './arbitrary-parts.js';

describe('a key', () => {
  it('has a text and an id of its own', () => {
    fc.assert(
      fc.property(anyParts, anyParts, (one, other) => {
        const [first, second] = [versionedKey(...one), versionedKey(...other)];
        const same = sameParts(one, other);
        expect(first.text === second.text).toBe(same);
        expect(first.id === second.id).toBe(same);
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps its parts apart wherever they are cut', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.nat(), (left, right, at) => {
        const whole = [...`${left}:${right}`];
        const cut = at % whole.length;
        const [head, tail] = [whole.slice(0, cut).join(''), whole.slice(cut).join('')];
        const one = versionedKey(left, right);
        const other = versionedKey(head, tail);
        expect(one.text === other.text).toBe(head === left && tail === right);
        expect(versionedKey(`${left}:${right}`).id).not.toBe(one.id);
      }),
      { numRuns: 3000 },
    );
  });

  it('tells (a, b:c) from (a:b, c), and 1 from "1", 1n and true', () => {
    const keys: KeyPart[][] = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a', 'b', 'c'],
      ['a:b:c'],
      [1],
      ['1'],
      [1n],
      [true],
      ['#1'],
      [''],
    ];
    expect(new Set(keys.map((parts) => versionedKey(...parts).text)).size).toBe(keys.length);
    expect(new Set(keys.map((parts) => versionedKey(...parts).id)).size).toBe(keys.length);
  });

  it('is refused beyond 8,192 encoded characters, however it is given', () => {
    expect(versionedKey('a'.repeat(8_192)).text).toHaveLength(8_192);
    expect(() => versionedKey('a'.repeat(8_193))).toThrow(InvalidKeyError);
    expect(() => versionedKey('a', 'é'.repeat(1_400))).toThrow(/more than 8192/);
    expect(() => toKey('a'.repeat(90_000)).text).toThrow(InvalidKeyError);
  });

  it('of one string is its own id, but for one that begins with NUL', () => {
    expect(toKey('a:b').id).toBe('a:b');
    expect(toKey('a').id).toBe(versionedKey('a').id);
    expect(isPlainId('a')).toBe(true);
    expect(isPlainId('\0a')).toBe(false);
    expect(toKey('\0a').id).toBe('\0%00a');
    expect(toKey('\0%00a').id).not.toBe(toKey('\0a').id);
  });

  it('is not changed by what is done to the list it was made of, nor by its readers', () => {
    const parts: KeyPart[] = ['a', 1];
    const key = new Key(parts);
    parts[0] = 'b';
    expect(key.parts).toEqual(['a', 1]);
    expect(Object.isFrozen(key.parts)).toBe(true);
    expect(key.text).toBe('a:#1');
  });

  it('shows its parts with their types as JSON, and its text elsewhere', () => {
    const key = versionedKey('a', 1, true, 5n, null);
    expect(JSON.stringify(key)).toBe('[{"string":"a"},{"number":1},{"boolean":true},{"bigint":"5"},{"null":true}]');
    expect(String(key)).toBe('a:#1:!true:#5n:!null');
    expect(inspect(key)).toBe('Key { a:#1:!true:#5n:!null }');
  });

  it.each([
    [[]],
    [[undefined]],
    [[{}]],
    [[['a']]],
    [[NaN]],
    [['a', '\ud800']],
    [[Infinity]],
    [[Symbol('a')]],
    [[() => 1]],
    [[new Date()]],
  ])('is not made of %p', (parts) => {
    expect(() => versionedKey(...(parts as KeyPart[]))).toThrow(InvalidKeyError);
  });

  it.each([[undefined], [null], [1], [{}], [['a']], ['\ud800']])('is not %p', (key) => {
    expect(() => toKey(key as string)).toThrow(InvalidKeyError);
  });
});
