import { afterEach, describe, expect, it } from '@jest/globals';
import { memoryStore } from '../../src/store/memory-store.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { buildCache } from '../support/build-cache.js';

let cache: TieredCache;
afterEach(() => cache.close());

describe('near copies of one tag', () => {
  it.each([1, 2, 3])('all go with it, also once %d others of it have gone alone', async (gone) => {
    cache = await buildCache({ store: memoryStore() });
    const keys = ['a', 'b', 'c', 'd'];
    for (const key of keys) await cache.set(key, key, { ttl: '1h', tags: ['t'] });
    for (const key of keys.slice(0, gone)) await cache.delete(key);
    expect(keys.map((key) => cache.peek(key))).toEqual(keys.map((key, index) => (index < gone ? undefined : key)));
    await cache.invalidateTags('t');
    expect(keys.map((key) => cache.peek(key))).toEqual(keys.map(() => undefined));
  });
});
