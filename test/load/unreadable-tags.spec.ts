import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

const tagged = { ttl: '1h', tags: ['t'] } as const;

describe('A look-up of an entry whose tags can not be read', () => {
  let caches: TieredCache[] = [];
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    caches = [];
  });

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['one', (cache) => cache.getOrSet('k', () => 'loaded', tagged)],
    [
      'many',
      async (cache) => (await cache.getOrSetMany(['k'], (keys) => keys.map((key) => [key, 'loaded']), tagged))[0],
    ],
  ])('is a load, whose value nobody else is given, whether or not the store holds one (%s)', async (_, ask) => {
    const shared = memoryStore();
    const faulty = new FaultyStore(shared);
    const here = await buildCache({ name: 'here', store: faulty.store, process: false });
    const there = await buildCache({ name: 'there', store: shared, process: false });
    caches = [here, there];
    await here.lookup('anything');
    faulty.down = '~tag:t';
    expect(await ask(here)).toBe('loaded');
    faulty.down = undefined;
    expect(await there.get('k')).toBeUndefined();
    expect(await there.getOrSet('k', () => 'loaded there', tagged)).toBe('loaded there');
    faulty.down = '~tag:t';
    expect(await ask(here)).toBe('loaded');
    faulty.down = undefined;
    expect(await there.get('k')).toBe('loaded there');
  });
});
