import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

const processes = 10;

interface Cost {
  readonly writes: number;
  readonly perSecond: number;
}

describe('ten idle caches on one server, each with connections of its own', () => {
  let memcached: MemcachedProcess;
  let redis: RedisProcess;
  let ofMemcached: Cost;
  let ofRedis: Cost;
  const endings: (() => Promise<void>)[] = [];

  const memcachedCounts = async (): Promise<{ counted: number; writes: number }> => {
    const stats = await memcached.stats();
    return { counted: Number(stats['cmd_get']), writes: Number(stats['cmd_set']) };
  };
  /** Those that a script runs among them, and this question left out. */
  const redisCounts = async (): Promise<{ counted: number; writes: number }> => {
    const calls = Object.entries(await redis.info('commandstats')).map(
      ([name, stats]) => [name.slice('cmdstat_'.length), Number(/calls=(\d+)/.exec(stats)?.[1])] as const,
    );
    const sum = (counts: (name: string) => boolean): number =>
      calls.reduce((total, [name, count]) => (counts(name) ? total + count : total), 0);
    return {
      counted: sum((name) => name !== 'info'),
      writes: sum((name) => /^(set|append|incr|unlink|del|publish)/.test(name)),
    };
  };

  beforeAll(async () => {
    [memcached, redis] = await Promise.all([startMemcached(), startRedis()]);
    endings.push(
      () => memcached.stop(),
      () => redis.stop(),
    );
    const stores = Array.from({ length: processes }, () => [
      memcachedStore({ servers: memcached.address, ...patience }),
      redisStore({ url: redis.url, ...patience }),
    ]).flat();
    const caches = await Promise.all(stores.map((store) => buildCache({ store })));
    endings.unshift(...caches.map((cache) => () => cache.close()));
    await pause(500);
    const counts = async () => ({ memcached: await memcachedCounts(), redis: await redisCounts() });
    const [before, begunAt] = [await counts(), performance.now()];
    await pause(4_000);
    const [after, seconds] = [await counts(), (performance.now() - begunAt) / 1_000];
    const cost = (server: 'memcached' | 'redis'): Cost => ({
      writes: after[server].writes - before[server].writes,
      perSecond: (after[server].counted - before[server].counted) / seconds,
    });
    ofMemcached = cost('memcached');
    ofRedis = cost('redis');
    console.log(
      `idle, of ${processes} caches in a second: ${ofMemcached.perSecond.toFixed(1)} key reads, ${ofRedis.perSecond.toFixed(1)} commands`,
    );
  });
  afterAll(async () => {
    for (const end of endings) await end();
  });

  it('read three keys of memcached a second each, in one trip, and write nothing', () => {
    expect(ofMemcached.perSecond).toBeGreaterThan(processes * 0.5);
    expect(ofMemcached.perSecond).toBeLessThanOrEqual(processes * 3 * 1.3);
    expect(ofMemcached.writes).toBe(0);
  });

  it('let Redis execute seven commands a second each, three of which are of the script that reads the feed, and write nothing', () => {
    expect(ofRedis.perSecond).toBeGreaterThan(processes * 2);
    expect(ofRedis.perSecond).toBeLessThanOrEqual(processes * 7 * 1.3);
    expect(ofRedis.writes).toBe(0);
  });
});
