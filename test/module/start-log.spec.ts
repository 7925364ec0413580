import { Logger } from '@nestjs/common';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { memoryStore } from '../../src/store/memory-store.js';

describe('The log of a start', () => {
  const said: string[] = [];
  const collector: LoggerService = {
    log: (text: string, context: string) => context === 'TieredCache' && said.push(`log ${text}`),
    warn: (text: string, context: string) => said.push(`warn ${context} ${text}`),
    error: () => {},
  };
  let app: INestApplication | undefined;
  beforeEach(() => void (said.length = 0));
  afterEach(async () => {
    for (const name of ['CACHE_REDIS_ULR', 'CACHE_KEY_VERSION_STMP']) delete process.env[name];
    await app?.close();
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
});
