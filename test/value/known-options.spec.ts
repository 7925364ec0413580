import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidOptionError } from '../../src/value/errors.js';
import { KnownOptions } from '../../src/value/known-options.js';
import { editDistance, nearestName } from '../../src/value/nearest-name.js';

interface Inner {
  readonly ttl?: string;
  readonly staleFor?: string;
}
interface Outer {
  readonly stores?: unknown;
  readonly namespace?: string;
  readonly defaults?: Inner | false;
}
const inner = KnownOptions.of<Inner>('entry options', { ttl: true, staleFor: true });
const outer = KnownOptions.of<Outer>(
  'forRoot()',
  { stores: true, namespace: true, defaults: inner },
  { max: 'Bound it elsewhere.' },
);

const refusalOf = (given: unknown): InvalidOptionError => {
  try {
    outer.check(given);
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error('it was accepted');
};

describe('Known options', () => {
  it.each([
    {},
    { stores: [] },
    { defaults: false },
    { defaults: undefined, namespace: 'a' },
    { defaults: { ttl: '1s' } },
  ])('are accepted: %j', (given) => expect(() => outer.check(given)).not.toThrow());

  it.each<[string, object, string]>([
    ['a lost letter', { store: 1 }, 'store: forRoot() has no such option. Did you mean stores?'],
    [
      'a changed letter',
      { defaults: { tll: '1h' } },
      'defaults.tll: forRoot() has no such option. Did you mean defaults.ttl?',
    ],
    ['swapped letters', { namespcae: 'a' }, 'namespcae: forRoot() has no such option. Did you mean namespace?'],
    ['other case', { nameSpace: 'a' }, 'nameSpace: forRoot() has no such option. Did you mean namespace?'],
    ['a name from within', { ttl: '1h' }, 'ttl: forRoot() has no such option. Did you mean defaults.ttl?'],
    ['one name of two', { defaultTtl: '1h' }, 'defaultTtl: forRoot() has no such option. Did you mean defaults.ttl?'],
    ['a name with a remedy of its own', { max: 1 }, 'max: forRoot() has no such option. Bound it elsewhere.'],
    [
      'a foreign name',
      { compression: 1 },
      'compression: forRoot() has no such option. It takes stores, namespace, defaults.',
    ],
    ['one that is undefined', { store: undefined }, 'store: forRoot() has no such option. Did you mean stores?'],
  ])('are told from others: %s', (_name, given, message) => {
    expect(refusalOf(given).message).toBe(message);
  });

  it.each([[null], ['text'], [[1]], [undefined]])('are an object, and not %j', (given) => {
    expect(refusalOf(given).message).toBe(
      'forRoot(): the options are no object. Give { stores, namespace, defaults … }.',
    );
  });

  it('never quote what was given', () => {
    expect(refusalOf({ passwort: 'hunter2', store: 1 }).message).not.toContain('hunter2');
  });

  it('stand under another owner where one is named', () => {
    expect(() => inner.check({ tll: 1 }, '@Memoize Courses.find')).toThrow(
      'tll: @Memoize Courses.find has no such option. Did you mean ttl?',
    );
  });
});

describe('The edit distance', () => {
  const word = fc.string({ maxLength: 8 });
  it('is zero for equal words alone, symmetric, and bounded by the lengths', () => {
    fc.assert(
      fc.property(word, word, (one, other) => {
        const distance = editDistance(one, other);
        expect(distance === 0).toBe(one === other);
        expect(editDistance(other, one)).toBe(distance);
        expect(distance).toBeGreaterThanOrEqual(Math.abs(one.length - other.length));
        expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length));
      }),
    );
  });

  it('counts one edit as one', () => {
    const edited = fc
      .tuple(word, fc.nat(8))
      .map(([text, at]) => [text, `${text.slice(0, at)}x${text.slice(at)}`] as const);
    fc.assert(fc.property(edited, ([text, longer]) => expect(editDistance(text, longer)).toBe(1)));
    expect([editDistance('ab', 'ba'), editDistance('stale', 'slate')]).toEqual([1, 2]);
  });

  it('finds no relative where none is near', () => {
    expect(nearestName('compression', [['ttl', 'ttl', 0]])).toBeUndefined();
  });
});
