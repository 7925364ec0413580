import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { systemClock } from '../../src/value/clock.js';
import { diskStore } from '../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { cacheModule, start } from '../support/nest-application.js';
import { patience } from '../support/patience.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

/** Only what asks for the time: what a store in memory waits for is a promise. */
const asked = { doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'setTimeout', 'setInterval'] as never };

describe('Under fake timers', () => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    jest.useRealTimers();
    await app?.close();
    app = undefined;
  });

  it('lives follow setSystemTime, in a cache that was made before them', async () => {
    app = await start({ imports: [cacheModule()] });
    const cache = app.get(TieredCache);
    let loads = 0;
    const load = (): Promise<number> => cache.getOrSet('a', () => ++loads, { ttl: '5m' });
    jest.useFakeTimers(asked);
    jest.setSystemTime(1_800_000_000_000);
    expect([await load(), await load()]).toEqual([1, 1]);
    jest.setSystemTime(1_800_000_000_000 + 4 * 60_000);
    expect(await load()).toBe(1);
    jest.setSystemTime(1_800_000_000_000 + 5 * 60_000);
    expect(await load()).toBe(2);
  });

  describe('which hold the ends of turns as well, as Jest’s do by default', () => {
    let directory: string;
    let memcached: MemcachedProcess;
    let redis: RedisProcess;
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'replaced-time-'));
      [memcached, redis] = await Promise.all([startMemcached(), startRedis()]);
    });
    afterAll(async () => {
      await Promise.all([memcached.stop(), redis.stop()]);
      rmSync(directory, { recursive: true, force: true });
    });

    it.each<[string, () => Store, object?]>([
      ['memory', () => memoryStore()],
      ['disk', () => diskStore({ directory, maxBytes: 10_000_000 }), { doNotFake: ['setImmediate'] }], // lmdb begins its writes there
      ['memcached', () => memcachedStore({ servers: [memcached.address], ...patience })],
      ['redis', () => redisStore({ url: redis.url, ...patience })],
    ])('writes, look-ups and invalidations end: %s', async (_name, store, fakes = {}) => {
      app = await start({ imports: [cacheModule({ stores: store() })] });
      const cache = app.get(TieredCache);
      await cache.set('before', 1);
      jest.useFakeTimers(fakes);
      expect(await cache.set('a', 1)).toBe(true);
      expect(await cache.getOrSet('b', () => 2)).toBe(2);
      expect(await cache.getOrSetMany(['c', 'd'], () => [['c', 3]])).toEqual([3, undefined]);
      expect(await cache.update<number>('a', (current = 0) => current + 1)).toBe(2);
      expect(await cache.delete('a')).toBe(true);
      expect(await cache.invalidateTags('t')).toBe(true);
      expect(await cache.has('a')).toBe(false);
    });
  });

  it('timers and both clocks are the fake ones, and the monotonic one goes on from where it was', async () => {
    const before = systemClock.monotonic();
    jest.useFakeTimers();
    const began = systemClock.monotonic();
    expect(began).toBeGreaterThanOrEqual(before);
    let fired = 0;
    systemClock.after(1_000, () => fired++);
    const slept = systemClock.sleep(1_000).then(() => 'slept');
    jest.advanceTimersByTime(999);
    expect(fired).toBe(0);
    jest.advanceTimersByTime(1);
    expect([fired, await slept]).toEqual([1, 'slept']);
    expect(systemClock.monotonic() - began).toBeCloseTo(1_000, 6);
    jest.useRealTimers();
    const after = systemClock.monotonic();
    expect(after).toBeGreaterThanOrEqual(began + 999.999);
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(after);
  });
});
