import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { bytes } from '../../src/codec/bytes.js';
import type { Codec } from '../../src/codec/codec.js';
import { json } from '../../src/codec/json.js';
import { buildCache } from '../support/build-cache.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

/** Its values are the bytes that it is handed, as the contract of codecs allows. */
const views: Codec<Buffer> = { ...bytes(), decode: (payload) => payload };

const never = (): never => {
  throw new Error('it was stored');
};

describe.each(storePlaceNames)('Values that are read from %s one after the other', (name) => {
  let place: StorePlace;
  let cache: TieredCache;
  beforeEach(async () => {
    place = await storePlaces[name]();
    cache = await buildCache({ store: place.connect(), process: false });
  });
  afterEach(async () => {
    await cache.close();
    await place.remove();
  });

  it.each(['share', 'clone'] as const)('keep their bytes, isolated by %s', async (isolation) => {
    const options = { codec: views, isolation };
    for (const letter of ['a', 'b']) await cache.set(letter, Buffer.alloc(5_000, letter), options);
    const first = await cache.getOrSet('a', never, options);
    const second = await cache.getOrSet('b', never, options);
    expect(Buffer.from(first).equals(Buffer.alloc(5_000, 'a'))).toBe(true);
    expect(Buffer.from(second).equals(Buffer.alloc(5_000, 'b'))).toBe(true);
  });

  it('are whole, whatever their size', async () => {
    const options = { codec: json<string[]>() };
    for (const size of [10, 100_000, 131_000, 140_000, 500_000]) {
      await cache.set('a', ['x'.repeat(size)], options);
      expect((await cache.getOrSet('a', never, options))[0]).toHaveLength(size);
    }
  });
});
