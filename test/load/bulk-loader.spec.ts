import { describe, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import { versionedKey } from '../../src/key/key.js';
import { byId } from '../../src/load/bulk-loader.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';
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

describe('A key that can not be asked for', () => {
  it('fails its own call, and keeps nobody else from the other keys of it', async () => {
    const cache = await buildCache({ store: memoryStore() });
    const page = defineKey('page-{path}', {});
    const long = page({ path: 'x'.repeat(9_000) });
    for (const options of [{}, { signal: new AbortController().signal }]) {
      const many = cache.getOrSetMany([page({ path: 'a' }), long], () => [], options);
      await expect(many).rejects.toThrow(InvalidKeyError);
      expect(await cache.getOrSet(page({ path: 'a' }), () => 'loaded')).toBe('loaded');
      await cache.delete(page({ path: 'a' }));
    }
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
    expect(await cache.getOrSetMany<string[]>(['a'], none, life)).toEqual([undefined]);
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
