import { Logger } from '@nestjs/common';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { patience } from '../support/patience.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

describe('The log of a start', () => {
  const said: string[] = [];
  const collector: LoggerService = {
    log: (text: string, context: string) => context === 'TieredCache' && said.push(`log ${text}`),
    warn: (text: string, context: string) => said.push(`warn ${context} ${text}`),
    error: () => {},
  };
  let app: INestApplication | undefined;
  let redis: RedisProcess | undefined;
  beforeEach(() => void (said.length = 0));
  afterEach(async () => {
    for (const name of ['CACHE_REDIS_ULR', 'CACHE_KEY_VERSION_STMP', 'CACHE_KEY_STAMP']) delete process.env[name];
    await app?.close();
    await redis?.stop();
    redis = undefined;
    Logger.overrideLogger(false);
  });

  async function startWith(...caches: readonly TieredCacheOptions[]): Promise<void> {
    const imports = caches.map((options) =>
      TieredCacheModule.forRoot({ namespace: 'shop', packageVersion: '2.1.0', ...options }),
    );
    app = (await Test.createTestingModule({ imports }).setLogger(collector).compile()).createNestApplication();
    await app.init();
  }
  const warned = (): string[] => said.filter((line) => line.startsWith('warn'));

  it('names the variable that a misspelt one was probably meant to be, and never its value', async () => {
    process.env['CACHE_REDIS_ULR'] = 'redis://user:s3cr3t@127.0.0.1:1';
    process.env['CACHE_KEY_VERSION_STMP'] = 'x';
    await startWith({});
    expect(warned()).toEqual([
      'warn TieredCache CACHE_REDIS_ULR is set, and is not read. Did you mean CACHE_REDIS_URL?',
      'warn TieredCache CACHE_KEY_VERSION_STMP is set, and is not read. Did you mean CACHE_KEY_VERSION_STAMP?',
    ]);
  });

  it('says nothing of variables of a store where the options name the store', async () => {
    process.env['CACHE_REDIS_ULR'] = 'x';
    await startWith({ stores: memoryStore() }, { name: 'second', stores: false });
    expect(warned()).toEqual([]);
  });

  it('says nothing of variables of the stamp where the options have it: the application may read one of its own', async () => {
    process.env['CACHE_KEY_STAMP'] = 'x';
    await startWith({ versionStamp: 'x' }, { name: 'second', stores: memoryStore(), versionStamp: () => 'x' });
    expect(warned()).toEqual([]);
  });

  it('says on which store and under which names each cache works', async () => {
    redis = await startRedis();
    const stores = redisStore({ url: `redis://default:s3cr3t@${redis.address}`, ...patience });
    await startWith({ stores, versionStamp: 's1' }, { name: 'second', stores: false, versionStamp: () => 's2' });
    expect(said.toSorted()).toEqual([
      `log default: redis ${redis.address}; namespace shop, version 2.1.0, stamp s1`,
      'log second: no store below the process; namespace shop, version 2.1.0, stamp by a function',
    ]);
  });

  it('counts the parts of a store beyond the eighth', async () => {
    const servers = Array.from({ length: 11 }, (_, index) => `127.0.0.1:${index + 1}`);
    await startWith({ stores: memcachedStore({ servers }) });
    expect(said.find((line) => line.startsWith('log default'))).toMatch(
      /memcached 127\.0\.0\.1:8 and 3 others; namespace shop, version 2\.1\.0, no stamp$/,
    );
  });

  it('says nothing of a cache that wants no warnings', async () => {
    await startWith({ stores: memoryStore(), warnings: false });
    expect(said).toEqual([]);
  });
});
