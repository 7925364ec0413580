import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';

const caches: TieredCache[] = [];
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close();
});

describe('a load that takes longer than a lease', () => {
  const life = { ttl: 1_000, staleFor: 3_000 };

  it('is one load for two processes: its lease is renewed', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    for (const name of ['A', 'B']) caches.push(await buildCache({ name, store, clock, process: false }));
    let loads = 0;
    const load = async (): Promise<string> => {
      loads++;
      await clock.sleep(8_000);
      return 'loaded';
    };
    const asked = caches.map((cache) => cache.getOrSet('k', load, { ttl: '1h' }));
    await clock.advance(10_000);
    expect(loads).toBe(1);
    expect(await Promise.all(asked)).toEqual(['loaded', 'loaded']);
  });

  it('replaces an entry whose life ends meanwhile', async () => {
    const clock = new FakeClock();
    const cache = await buildCache({ store: memoryStore({ clock }), clock, process: false });
    caches.push(cache);
    await cache.set('k', 'old', life);
    await clock.advance(2_000);
    const load = async (): Promise<string> => {
      await clock.sleep(8_000);
      return 'new';
    };
    expect(await cache.getOrSet('k', load, { ttl: '1h', staleFor: '1h' })).toBe('old');
    await clock.advance(10_000);
    expect(await cache.get('k')).toBe('new');
  });
});
