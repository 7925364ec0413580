import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';

const processes = 10;

describe('ten idle caches on one memcached, each with connections of its own', () => {
  let server: MemcachedProcess;
  let caches: TieredCache[];
  beforeAll(async () => {
    server = await startMemcached();
    caches = await Promise.all(
      Array.from({ length: processes }, () => buildCache({ store: memcachedStore({ servers: server.address }) })),
    );
  });
  afterAll(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    await server.stop();
  });

  const counts = async (): Promise<{ reads: number; writes: number; at: number }> => {
    const stats = await server.stats();
    return { reads: Number(stats['cmd_get']), writes: Number(stats['cmd_set']), at: performance.now() };
  };

  it('read three keys a second each, in one trip, and write nothing', async () => {
    await pause(500);
    const before = await counts();
    await pause(4_000);
    const after = await counts();
    const perSecond = ((after.reads - before.reads) * 1_000) / (after.at - before.at);
    console.log(`idle: ${perSecond.toFixed(1)} key reads per second for ${processes} caches`);
    expect(perSecond).toBeGreaterThan(processes * 0.5);
    expect(perSecond).toBeLessThanOrEqual(processes * 3 * 1.3);
    expect(after.writes - before.writes).toBe(0);
  }, 20_000);
});
