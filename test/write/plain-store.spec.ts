import { afterEach, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';

const caches: TieredCache[] = [];
afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

it('A store without atomic operations takes what is set, and loses what is deleted and what had an ended tag', async () => {
  const shared = storeBehind(memoryStore(), (shard) => shard);
  const plain: Store = { ...shared, capabilities: { ...shared.capabilities, atomic: false } };
  const opened = async (name: string): Promise<TieredCache> => {
    const cache = await buildCache({ name, store: plain, process: false, coherence: false });
    caches.push(cache);
    return cache;
  };
  const [here, there] = [await opened('here'), await opened('there')];
  expect(await here.set('a', 1, { ttl: '1h' })).toBe(true);
  expect(await here.set('b', 2, { ttl: '1h', tags: ['t'] })).toBe(true);
  expect([await there.get('a'), await there.get('b')]).toEqual([1, 2]);
  expect(await here.delete('a')).toBe(true);
  expect([await there.get('a'), await there.get('b')]).toEqual([undefined, 2]);
  expect(await here.invalidateTags('t')).toBe(true);
  expect(await there.get('b')).toBeUndefined();
});
