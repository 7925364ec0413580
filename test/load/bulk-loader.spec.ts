import { describe, expect, it } from '@jest/globals';
import { versionedKey } from '../../src/key/key.js';
import { byId } from '../../src/load/bulk-loader.js';
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
