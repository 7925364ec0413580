import { describe, expect, it } from '@jest/globals';
import { versionedKey } from '../../src/key/key.js';
import { byId } from '../../src/load/bulk-loader.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';

describe('What a bulk loader answers', () => {
  it.each([[undefined], [null], [5], [{}], [['ab']], [[{ 0: 'a', 1: 'b' }]], [new Set(['ab'])]])(
    'is refused where it is no pairs of a key and its value: %p',
    (answered) => {
      expect(() => byId(answered as never)).toThrow(InvalidOptionError);
    },
  );

  it('may be a Map, or pairs of a key as it was given; a refusal reaches the caller', async () => {
    const cache = await buildCache({});
    const [one, two] = [versionedKey('a', 1), versionedKey('a', 2)];
    expect(await cache.getOrSetMany([one], () => new Map([[one, 'of a Map']]))).toEqual(['of a Map']);
    expect(await cache.getOrSetMany([two], () => [[two, 'of a pair']])).toEqual(['of a pair']);
    await expect(cache.getOrSetMany(['b'], () => ['ab'] as never)).rejects.toMatchObject({ option: 'loadMissing' });
    await cache.close();
  });
});

describe('A key that a bulk loader leaves out', () => {
  const none = () => [];
  const clock = new FakeClock();

  it('is a miss, and negative.when is not asked for it: it judges what was loaded', async () => {
    const cache = await buildCache({ clock });
    const judged: unknown[] = [];
    const when = (rows: string[]): boolean => (judged.push(rows), rows.length === 0);
    const life = { ttl: '1h', negative: { ttl: '10s', when } } as const;
    expect(await cache.getOrSetMany(['a'], none, life)).toEqual([undefined]);
    expect(await cache.getOrSetMany<string[]>(['a', 'b'], () => [['a', []]], life)).toEqual([[], undefined]);
    expect(judged.every(Array.isArray)).toBe(true);
    await cache.close();
  });

  it('is null for the life of negative answers where they are kept, and stays so when it is refreshed', async () => {
    const cache = await buildCache({ clock });
    const life = { ttl: '1h', negative: { ttl: '10s', staleFor: '1h' } } as const;
    expect(await cache.getOrSetMany(['a'], none, life)).toEqual([null]);
    await clock.advance('11s');
    expect(await cache.getOrSetMany(['a'], none, life)).toEqual([null]);
    await clock.advance(1);
    expect(await cache.lookup('a')).toMatchObject({ hit: true, value: null, freshness: 'fresh' });
    await cache.close();
  });
});
