import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';

describe('A caller who waits a little for the refresh of what is stale', () => {
  const waits = { ttl: '10s', staleFor: '1h', timeout: { soft: '1s' } } as const;
  let clock: FakeClock;
  let cache: TieredCache;
  beforeEach(async () => {
    clock = new FakeClock();
    cache = await buildCache({ store: memoryStore({ clock }), clock });
    await cache.set('k', 'old', waits);
    await clock.advance('11s');
  });
  afterEach(() => cache.close());

  const one = (load: () => unknown, more: { signal?: AbortSignal } = {}): Promise<unknown> =>
    cache.getOrSet('k', load, { ...waits, ...more });
  const many = async (load: () => unknown, more: { signal?: AbortSignal } = {}): Promise<unknown> =>
    (await cache.getOrSetMany(['k'], async (keys) => [[keys[0] as string, await load()]], { ...waits, ...more }))[0];

  describe.each([
    ['key by key', one],
    ['in bulk', many],
  ])('%s', (_, ask) => {
    it('is told that there is none any more', async () => {
      expect(await ask(() => undefined)).toBeUndefined();
    });

    it('is answered by what is stale where that takes longer', async () => {
      const asked = ask(() => clock.sleep(5_000).then(() => 'new'));
      await clock.advance('1s');
      expect(await asked).toBe('old');
      await clock.advance('5s');
      expect(await cache.get('k')).toBe('new');
    });

    it('is answered by nothing once it has left', async () => {
      const leaving = new AbortController();
      const left = expect(ask(() => clock.sleep(500).then(() => 'new'), { signal: leaving.signal })).rejects.toThrow(
        'left',
      );
      await clock.advance(1);
      leaving.abort(new Error('left'));
      await left;
      await clock.advance('1s');
    });
  });
});
