import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Keyv } from 'keyv';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { cacheModule, start } from '../support/nest-application.js';

describe('The options of the module', () => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('limit the loaders that run at once', async () => {
    app = await start({ imports: [cacheModule({ maxConcurrentLoads: 2 })] });
    const cache = app.get(TieredCache);
    let [running, most] = [0, 0];
    const load = async (): Promise<number> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return running--;
    };
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.getOrSet(key, load)));
    expect(most).toBe(2);
  });

  it.each<[string, TieredCacheOptions]>([
    ['maxConcurrentLoads', { maxConcurrentLoads: 0 }],
    ['coherence', { stores: keyvStore(new Keyv()), coherence: { interval: '1s' } }],
    ['coherence', { stores: keyvStore(new Keyv()), coherence: { blindFor: 0 } }],
  ])('stop the start when they can’t be used, and the error names the option: %s', async (option, options) => {
    const starting = start({ imports: [cacheModule(options)] });
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
  });

  it.each<[string, unknown]>([
    ['namespace: it is empty. Give a text, or leave it out for what package.json says.', { namespace: '' }],
    ['packageVersion: it is empty. Give a text, or leave it out for what package.json says.', { packageVersion: '' }],
    ['defaults.ttl: ', { defaults: { ttl: '5 parsecs' } }],
    ['defaults.jitter: ', { defaults: { jitter: 2 } }],
    ['lock.deadline: ', { lock: { deadline: 0 } }],
    ["process.eviction: 'lfu' is unknown. ", { process: { eviction: 'lfu' } }],
    ['warnings: it is neither true nor false. ', { warnings: 'yes' }],
    ['mayForceMiss: it is no function. ', { mayForceMiss: true }],
    ['afterCommit: it is no function. ', { afterCommit: 'typeorm' }],
  ])('that can’t be used are called what they are called in code: %s', async (beginning, options) => {
    const starting = start({ imports: [cacheModule(options as TieredCacheOptions)] });
    await expect(starting).rejects.toMatchObject({ message: expect.stringMatching(new RegExp(`^${beginning}`)) });
  });

  it.each(['process', 'coherence', 'defaults', 'lock'])('are refused where they are no object: %s', (option) => {
    for (const given of [true, 'yes', 5, []]) {
      expect(() => cacheModule({ [option]: given })).toThrow(
        `TieredCacheModule.forRoot(): ${option}: the options are no object. Give { `,
      );
    }
  });

  it('say what to do where a store keeps no feed of invalidations', async () => {
    const starting = start({
      imports: [cacheModule({ stores: keyvStore(new Keyv()), coherence: { interval: '1s' } })],
    });
    await expect(starting).rejects.toThrow(
      'coherence: the keyv store keeps no feed of invalidations. Leave it out and give short lives or process: false, or use memcached, Redis, disk or memory.',
    );
  });

  it.each<TieredCacheOptions>([
    { stores: keyvStore(new Keyv()) },
    { stores: keyvStore(new Keyv()), coherence: false },
    { stores: keyvStore(new Keyv()), coherence: {} },
    { stores: false, coherence: { interval: '1s' } },
    { coherence: { interval: '1s' } },
  ])('start where nothing is asked for that the store can’t do: %#', async (options) => {
    app = await start({ imports: [cacheModule(options)] });
    expect(await app.get(TieredCache).getOrSet('a', () => 1)).toBe(1);
  });

  const environment = { ...process.env };
  afterEach(() => {
    process.env = { ...environment };
  });

  describe('and what the environment says of a store', () => {
    const unusable = { MEMCACHED_SERVERS: 'a', CACHE_REDIS_URL: 'redis://a', MEMCACHED_TLS: 'perhaps' };

    it.each<TieredCacheOptions>([{}, { lock: { store: memoryStore() } }, { stores: false }])(
      'do not meet where the options name one: %#',
      async (options) => {
        Object.assign(process.env, unusable);
        app = await start({ imports: [cacheModule(options)] });
        expect(await app.get(TieredCache).getOrSet('a', () => 1)).toBe(1);
      },
    );

    it.each<[string, Record<string, string>]>([
      ['CACHE_REDIS_URL', { MEMCACHED_SERVERS: 'a', CACHE_REDIS_URL: 'redis://a' }],
      ['MEMCACHED_TLS', { MEMCACHED_SERVERS: 'a', MEMCACHED_TLS: 'perhaps' }],
    ])('stops the start where it decides: %s', async (option, variables) => {
      Object.assign(process.env, variables);
      const starting = start({ imports: [cacheModule({ stores: undefined as never })] });
      await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
    });

    it('leaves what it says of the cache to be checked', async () => {
      process.env['CACHE_KEY_SECRET'] = 'short';
      const starting = start({ imports: [cacheModule()] });
      await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'CACHE_KEY_SECRET' });
    });
  });

  describe('that are given as undefined', () => {
    /** As `config.get('STAMP')` gives them. */
    const unset = undefined as never;

    it('leave the stamp to the environment, and an empty text is no stamp', async () => {
      process.env['CACHE_KEY_VERSION_STAMP'] = '7';
      app = await start({ imports: [cacheModule({ versionStamp: unset })] });
      const stamped = app.get(TieredCache).storeKey('a');
      await app.close();
      app = await start({ imports: [cacheModule()] });
      expect(stamped).toBe(app.get(TieredCache).storeKey('a'));
      await app.close();
      app = await start({ imports: [cacheModule({ versionStamp: '' })] });
      expect(stamped).not.toBe(app.get(TieredCache).storeKey('a'));
    });

    it('leave the life to the environment', async () => {
      process.env['DEFAULT_CACHE_TIMEOUT'] = '10';
      app = await start({ imports: [cacheModule({ defaults: { ttl: unset, jitter: 0.1 } })] });
      expect(app.get(TieredCache).defaults).toEqual({ ttl: 10_000, jitter: 0.1 });
    });

    it('are no name from a factory', async () => {
      const options = { stores: memoryStore(), namespace: 'test', packageVersion: '1', name: unset };
      app = await start({ imports: [TieredCacheModule.forRootAsync({ useFactory: () => options })] });
      expect(app.get(TieredCache).name).toBe('default');
    });
  });
});
