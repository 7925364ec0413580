import { describe, expect, it } from '@jest/globals';
import { maxDepth } from '../../src/codec/max-depth.js';
import { structured } from '../../src/codec/structured.js';
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
    ['arrays', array],
    ['objects', object],
    ['objects without a prototype', (inner: unknown) => Object.assign(Object.create(null) as object, { inner })],
    ['sets', (inner: unknown) => new Set([null, inner])],
    ['maps', (inner: unknown) => new Map([['key', inner]])],
  ])('has no more levels of %s than a codec writes', (_, around) => {
    const most = nested(maxDepth, around);
    expect(() => assertDepth(most)).not.toThrow();
    expect(() => assertDepth(nested(maxDepth + 1, around))).toThrow(UndecodableError);
    expect(() => assertDepth(structured().decode(Buffer.from(structured().encode(most))))).not.toThrow();
  });

  it('is not looked into where it is of a class of its own', () => {
    class Own {
      constructor(readonly inner: unknown) {}
    }
    expect(() => assertDepth(nested(2 * maxDepth, (inner) => new Own(inner)))).not.toThrow();
  });
});
