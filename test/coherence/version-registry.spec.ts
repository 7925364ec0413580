import { describe, expect, it } from '@jest/globals';
import {
  cleared,
  decodeRegistry,
  encodeRegistry,
  generationOf,
  isOverdue,
  withoutStrangers,
  withPrefix,
} from '../../src/coherence/version-registry.js';
import type { RegisteredPrefix, VersionRegistry } from '../../src/coherence/version-registry.js';

const hour = 3_600_000;
const row = (prefix: string, own: Partial<RegisteredPrefix> = {}): RegisteredPrefix => ({
  prefix,
  fingerprint: 'f',
  generation: 100,
  renewedAt: 0,
  ...own,
});
const registry = (...prefixes: RegisteredPrefix[]): VersionRegistry => ({ clear: 50, prefixes });

describe('The list of versions', () => {
  it('is read as it was written', () => {
    const list = registry(row('a'), row('b', { fingerprint: 'g', renewedAt: 1.5 }));
    expect(decodeRegistry(encodeRegistry(list))).toEqual(list);
    expect(decodeRegistry(encodeRegistry(registry()))).toEqual(registry());
  });

  const longest = 'p'.repeat(122);
  const sixteen = Array.from({ length: 16 }, (_, index) => [`p${index}`, 'f', 1, 0]);
  it.each<[string, unknown]>([
    ['with the longest prefix and fingerprint', [2, 1, [[longest, 'f'.repeat(100), 1, 0]]]],
    ['with sixteen versions', [2, 1, sixteen]],
  ])('is taken %s', (_, fields) => {
    expect(decodeRegistry(Buffer.from(JSON.stringify(fields)))).toBeDefined();
  });

  it.each<[string, unknown]>([
    ['no JSON', undefined],
    ['of another format', [1, 1, []]],
    ['without a clear generation', [2, 'x', []]],
    ['cleared by a number that can’t be followed', [2, Number.MAX_SAFE_INTEGER, []]],
    ['cleared by a fraction', [2, 1.5, []]],
    ['without versions', [2, 1, 'x']],
    ['of more versions than are kept', [2, 1, [...sixteen, ['p', 'f', 1, 0]]]],
    ['with a version that is no list', [2, 1, ['x']]],
    ['with a prefix that is no text', [2, 1, [[1, 'f', 1, 0]]]],
    ['with a prefix that is too long', [2, 1, [[`${longest}p`, 'f', 1, 0]]]],
    ['with an empty prefix', [2, 1, [['', 'f', 1, 0]]]],
    ['with a prefix that no store key has', [2, 1, [['p q', 'f', 1, 0]]]],
    ['with a fingerprint that is no text', [2, 1, [['p', 1, 1, 0]]]],
    ['with a fingerprint that is too long', [2, 1, [['p', 'f'.repeat(101), 1, 0]]]],
    ['with a generation that is no number', [2, 1, [['p', 'f', '1', 0]]]],
    ['with a generation that can’t be followed', [2, 1, [['p', 'f', Number.MAX_SAFE_INTEGER, 0]]]],
    ['renewed at no instant', [2, 1, [['p', 'f', 1, 'now']]]],
    [
      'with one good version and a bad one',
      [
        2,
        1,
        [
          ['p', 'f', 1, 0],
          ['q', 'f', 1, null],
        ],
      ],
    ],
  ])('is none where it is %s', (_, fields) => {
    expect(decodeRegistry(Buffer.from(fields === undefined ? '[2,' : JSON.stringify(fields)))).toBeUndefined();
  });
});

describe('The generation of a version', () => {
  it('is the larger of its own and that of the last clear; none where it is not listed under this fingerprint', () => {
    const list = registry(row('new', { generation: 60 }), row('old', { generation: 40 }));
    expect(generationOf(list, 'new', 'f')).toBe(60);
    expect(generationOf(list, 'old', 'f')).toBe(50);
    expect(generationOf(list, 'new', 'g')).toBeUndefined();
    expect(generationOf(list, 'other', 'f')).toBeUndefined();
  });

  it('begins above the clear, or at the seed where that is larger', () => {
    const own = { prefix: 'p', fingerprint: 'f' };
    expect(generationOf(withPrefix(undefined, own, 10, 0), 'p', 'f')).toBe(10);
    expect(generationOf(withPrefix(registry(), own, 10, 0), 'p', 'f')).toBe(51);
    expect(generationOf(withPrefix(registry(), own, 500, 0), 'p', 'f')).toBe(500);
    expect(withPrefix(registry(), own, 500, 0).clear).toBe(50);
    // The first list tells of no clear: nobody has cleared yet.
    expect(withPrefix(undefined, own, 10, 0).clear).toBe(0);
  });

  it('stays when the version is renewed, and is another under another fingerprint', () => {
    const list = registry(row('p', { generation: 70 }), row('q'));
    expect(withPrefix(list, { prefix: 'p', fingerprint: 'f' }, 500, 9)).toEqual(
      registry(row('p', { generation: 70, renewedAt: 9 }), row('q')),
    );
    const other = withPrefix(list, { prefix: 'p', fingerprint: 'g' }, 500, 9);
    expect(generationOf(other, 'p', 'g')).toBe(500);
    expect(generationOf(other, 'p', 'f')).toBe(70);
  });
});

describe('What is renewed and purged', () => {
  const own = { prefix: 'own', fingerprint: 'f' };

  it('is renewed after more than an hour, also where the clock of whoever renewed it was ahead', () => {
    const list = registry(row('own', { renewedAt: 10 * hour }));
    expect(isOverdue(list, own, 11 * hour)).toBe(false);
    expect(isOverdue(list, own, 11 * hour + 1)).toBe(true);
    expect(isOverdue(list, own, 9 * hour)).toBe(false);
    expect(isOverdue(list, own, 9 * hour - 1)).toBe(true);
    expect(isOverdue(list, { ...own, prefix: 'other' }, 100 * hour)).toBe(false);
  });

  it('is renewed by its own processes, whatever those of another secret have renewed under the same prefix', () => {
    const strangers = row('own', { fingerprint: 'g', renewedAt: 10 * hour });
    expect(isOverdue(registry(strangers, row('own')), own, 10 * hour)).toBe(true);
    expect(isOverdue(registry(row('own'), strangers), { ...own, fingerprint: 'g' }, 10 * hour)).toBe(false);
  });

  it('goes when nobody has renewed it for 25 hours', () => {
    const list = registry(row('gone', { renewedAt: 0 }), row('there', { renewedAt: 1 }));
    expect(withPrefix(list, own, 500, 25 * hour).prefixes.map(({ prefix }) => prefix)).toEqual(['own', 'there']);
  });

  it('are sixteen versions: the one that was renewed longest ago makes room', () => {
    const many = Array.from({ length: 16 }, (_, index) => row(`p${index}`, { renewedAt: (index * 7) % 16 }));
    const kept = withPrefix(registry(...many), own, 500, 20).prefixes;
    expect(kept).toHaveLength(16);
    expect(kept[0]?.prefix).toBe('own');
    expect(kept.slice(1).map(({ renewedAt }) => renewedAt)).toEqual([
      15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
  });

  it('makes room first where it claims to be renewed far ahead, and goes with the next renewal', () => {
    const ahead = Array.from({ length: 15 }, (_, index) => row(`ahead${index}`, { renewedAt: 1e300 }));
    const listed = withPrefix(registry(...ahead, row('there', { renewedAt: 1 })), own, 500, hour);
    expect(listed.prefixes).toHaveLength(16);
    expect(listed.prefixes.slice(0, 2).map(({ prefix }) => prefix)).toEqual(['own', 'there']);
    expect(withPrefix(listed, own, 500, 2 * hour).prefixes.map(({ prefix }) => prefix)).toEqual(['own', 'there']);
  });

  it('stays where clocks differ by days: two versions do not purge each other again and again', () => {
    const other = { prefix: 'ahead', fingerprint: 'f' };
    const theirs = withPrefix(withPrefix(undefined, own, 500, 0), other, 500, 48 * hour);
    expect(theirs.prefixes.map(({ prefix }) => prefix)).toEqual(['ahead']);
    expect(withPrefix(theirs, own, 500, 0).prefixes.map(({ prefix }) => prefix)).toEqual(['own', 'ahead']);
  });
});

describe('A clear', () => {
  it('is newer than every generation there was, and leaves the versions listed', () => {
    const list = registry(row('p', { generation: 70 }), row('q', { generation: 60 }));
    expect(cleared(list, 10)).toEqual({ ...list, clear: 71 });
    expect(cleared({ ...list, clear: 90 }, 10).clear).toBe(91);
    expect(cleared(list, 500).clear).toBe(500);
    expect(cleared(undefined, 0)).toEqual({ clear: 1, prefixes: [] });
  });

  it('of what can’t be named here voids the versions of other fingerprints, and those alone', () => {
    const list = registry(row('own', { generation: 70 }), row('other', { fingerprint: 'g', generation: 60 }));
    expect(withoutStrangers(list, 'f', 10)).toEqual(
      registry(row('own', { generation: 70 }), row('other', { fingerprint: 'g', generation: 71 })),
    );
    expect(withoutStrangers(list, 'f', 500).prefixes.map(({ generation }) => generation)).toEqual([70, 500]);
  });
});
