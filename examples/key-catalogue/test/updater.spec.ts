import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CacheLock, TieredCache } from 'nestjs-tiered-cache';
import { diskStore } from 'nestjs-tiered-cache/disk';
import { redisStore } from 'nestjs-tiered-cache/redis';
import { diskDirectory } from '../../../test/support/disk-directory.js';
import { patience } from '../../../test/support/patience.js';
import { startRedis } from '../../../test/support/redis-process.js';
import type { RedisProcess } from '../../../test/support/redis-process.js';
import { keepLease, releaseKeptLease } from '../src/updater.keys.js';

const resource = ['updates', 'backend', 'lock'];

/** One life of the process: its locks, of all hosts, and the cache on the disk of this host. */
async function life<T>(
  url: string,
  directory: string,
  packageVersion: string,
  work: (cache: TieredCache, locks: CacheLock) => Promise<T>,
): Promise<T> {
  const store = redisStore({ url, ...patience });
  const namespace = 'updater';
  const cache = new TieredCache({
    name: 'updater',
    namespace,
    packageVersion,
    store: diskStore({ directory }),
  });
  await cache.open();
  const locks = new CacheLock({ store, namespace });
  try {
    return await work(cache, locks);
  } finally {
    await locks.shutdown(0);
    await cache.close();
    await store.close();
  }
}

describe('a host that updates itself under a lock', () => {
  let server: RedisProcess;
  const directory = diskDirectory();
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await server.stop();
    directory.remove();
  });

  /** Shuts down under the lock, starts again, and says whether the lock was freed and whether another host gets it. */
  async function update(before: string, after: string): Promise<{ freed: boolean; next: string }> {
    await life(server.url, directory.path, before, async (cache, locks) => {
      const outcome = await locks.acquire([...resource, after], { ttl: '1h' });
      if (outcome.status !== 'acquired') throw new Error(outcome.status);
      await keepLease(cache, outcome.lease);
    });
    return life(server.url, directory.path, after, async (cache, locks) => ({
      freed: await releaseKeptLease(cache, locks),
      next: (await locks.acquire([...resource, after])).status,
    }));
  }

  it('frees the lock in its next life, where the cache keeps its version over releases', async () => {
    expect(await update('1', '1')).toEqual({ freed: true, next: 'acquired' });
  });

  it('(−) leaves the lock to its end, where each release starts cold', async () => {
    expect(await update('1.0.0', '1.1.0')).toEqual({ freed: false, next: 'held' });
  });

  it('has nothing to free where it has not updated', async () => {
    expect(await life(server.url, directory.path, '1', releaseKeptLease)).toBe(false);
  });
});
