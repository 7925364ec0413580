import { expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { startMemcached } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';

const changes: [string, (cache: TieredCache) => Promise<unknown>, unknown][] = [
  ['set', (cache) => cache.set('k', 'new'), true],
  ['setMany', (cache) => cache.setMany([['k', 'new']]), true],
  ['update', (cache) => cache.update('k', () => 'new'), 'new'],
  ['setIfAbsent', (cache) => cache.setIfAbsent('absent', 'new'), 'new'],
  ['delete', (cache) => cache.delete('k'), true],
  ['deleteMany', (cache) => cache.deleteMany(['k', 'other']), true],
  ['expire', (cache) => cache.expire('k'), true],
  ['invalidateTags', (cache) => cache.invalidateTags('t'), true],
  ['expireTags', (cache) => cache.expireTags('t'), true],
  ['dangerouslyClear', (cache) => cache.dangerouslyClear(), undefined],
];

it.each(changes)('A cache that is closed ends behind what is under way: %s', async (_, change, outcome) => {
  const faulty = new FaultyStore(memoryStore());
  const cache = await buildCache({ store: faulty.store });
  await cache.set('k', 'old', { tags: ['t'] });
  let answer = (): void => {};
  faulty.answersHeld = new Promise((resolve) => (answer = resolve));
  const ends: string[] = [];
  const changed = change(cache).finally(() => ends.push('change'));
  const closed = cache.close().then(() => ends.push('close'));
  setImmediate(answer);
  expect(await changed).toBe(outcome);
  await closed;
  expect(ends).toEqual(['change', 'close']);
});

it('A delete that nobody waits for is acknowledged by a memcached before the cache has closed', async () => {
  const server = await startMemcached();
  const [cache, other] = await Promise.all(
    [1, 2].map(() => buildCache({ store: memcachedStore({ servers: server.address, ...patience }), process: false })),
  );
  await other?.set('k', 1);
  const deleted = cache?.delete('k');
  await cache?.close();
  expect(await deleted).toBe(true);
  expect(await other?.lookup('k')).toMatchObject({ hit: false });
  await other?.close();
  await server.stop();
});
