import { describe, expect, it } from '@jest/globals';
import { maxDepth } from '../../src/codec/max-depth.js';
import { assertDepth, freeze } from '../../src/near/freeze.js';
import { UndecodableError } from '../../src/value/errors.js';

/** So many levels of one kind around nothing. */
function nested(levels: number, around: (inner: unknown) => object): unknown {
  let value: unknown = null;
  for (let level = 0; level < levels; level++) value = around(value);
  return value;
}
const array = (inner: unknown): object => [1, inner];
const object = (inner: unknown): object => ({ name: 'x', inner });

describe('A value that is frozen', () => {
  it('is frozen in all its arrays and objects', () => {
    const value = freeze({ list: [{ deep: [1, { deeper: true }] }, null, 'text'], one: { two: { three: 3 } } });
    const [first] = value.list as [{ deep: [number, object] }];
    const parts = [value, value.list, first, first.deep, first.deep[1], value.one, value.one.two];
    expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
  });

  it.each([[undefined], [null], [0], ['text']])('is what it was where it is no object: %p', (value) => {
    expect(freeze(value)).toBe(value);
  });

  it.each([
    ['arrays', array],
    ['objects', object],
  ])('has no more levels of %s than a codec writes', (_, around) => {
    expect(Object.isFrozen(freeze(nested(maxDepth, around)))).toBe(true);
    expect(() => freeze(nested(maxDepth + 1, around))).toThrow(UndecodableError);
  });
});

describe('A value that is not frozen', () => {
  it.each([
    ['arrays', array, 1],
    ['objects', object, 1],
    ['objects without a prototype', (inner: unknown) => Object.assign(Object.create(null) as object, { inner }), 1],
    ['sets', (inner: unknown) => new Set([null, inner]), 1],
    // A pair of a key and a value is a level of its own.
    ['maps', (inner: unknown) => new Map([['key', inner]]), 2],
  ])('has no more levels of %s than a codec writes', (_, around, levelsEach) => {
    const most = Math.floor(maxDepth / levelsEach);
    expect(() => assertDepth(nested(most, around))).not.toThrow();
    expect(() => assertDepth(nested(most + 1, around))).toThrow(UndecodableError);
  });

  it('is not looked into where it is of a class of its own', () => {
    class Own {
      constructor(readonly inner: unknown) {}
    }
    expect(() => assertDepth(nested(2 * maxDepth, (inner) => new Own(inner)))).not.toThrow();
  });
});
