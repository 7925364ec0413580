import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { startRedis } from '../support/redis-process.js';

describe('The status of a cache', () => {
  let servers: [MemcachedProcess, MemcachedProcess];
  let cache: TieredCache;
  beforeEach(async () => {
    servers = [await startMemcached(), await startMemcached()];
    cache = await buildCache({
      store: memcachedStore({ servers: servers.map(({ address }) => address), ...patience }),
    });
  });
  afterEach(async () => {
    await cache.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('says which server answers, why another does not, and how many invalidations wait for it', async () => {
    const [up, killed] = servers;
    const names = servers.map(({ address }) => `memcached ${address}`);
    expect(await cache.status()).toEqual({
      cache: expect.any(String),
      store: 'memcached',
      shards: names.map((shard) => ({ shard, answers: true, tookMs: expect.any(Number) })),
      unacknowledgedWrites: 0,
    });
    await killed.kill();
    const { shards } = await cache.status();
    expect(shards).toEqual([
      { shard: names[0], answers: true, tookMs: expect.any(Number) },
      { shard: names[1], answers: false, reason: expect.stringContaining(killed.address), tookMs: expect.any(Number) },
    ]);
    await cache.deleteMany(Array.from({ length: 20 }, (_, index) => `key-${index}`));
    expect((await cache.status()).unacknowledgedWrites).toBeGreaterThan(0);
    await killed.start();
    await eventually(async () => {
      const now = await cache.status();
      expect([now.shards.map(({ answers }) => answers), now.unacknowledgedWrites]).toEqual([[true, true], 0]);
    });
    expect(up.pid).toBeGreaterThan(0);
  });
});

it('The status says why a server is left alone', async () => {
  const server = await startRedis();
  const store = redisStore({ url: `redis://nobody:s3cret@${server.address}`, ...patience });
  const cache = await buildCache({ store });
  try {
    for (let times = 0; times < 10; times++) {
      await cache.get(`key-${times}`);
      await nextTurn(); // what fails in one turn is one failure
    }
    await expect(store.shards[0].readMany(['k'])).rejects.toThrow('WRONGPASS');
    const { shards } = await cache.status();
    expect(shards).toMatchObject([{ answers: false, reason: expect.stringContaining('WRONGPASS') }]);
    expect(JSON.stringify(shards)).not.toMatch(/Check that it runs/);
  } finally {
    await cache.close();
    await server.stop();
  }
});
