import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { Integrity } from '../../src/codec/integrity.js';
import { HiddenNames } from '../../src/key/hidden-names.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { RequestCache } from '../../src/near/request-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { start } from '../support/nest-application.js';

const keySecret = 'k'.repeat(32);
const keys = [{ id: 'a', secret: 's'.repeat(32) }];

describe('options of the module that need a secret', () => {
  let app: INestApplication | undefined;
  const names = ['CACHE_KEY_SECRET', 'CACHE_INTEGRITY_KEYS'] as const;
  afterEach(async () => {
    await app?.close();
    app = undefined;
    for (const name of names) delete process.env[name];
  });
  const begin = async (options: TieredCacheOptions): Promise<INestApplication> =>
    (app = await start({
      imports: [TieredCacheModule.forRoot({ namespace: 'app', packageVersion: '1.0.0', warnings: false, ...options })],
    }));

  it.each([
    ['as options', { keySecret, integrity: { keys } }, {}],
    ['from the environment', {}, { CACHE_KEY_SECRET: keySecret, CACHE_INTEGRITY_KEYS: `a:${keys[0]?.secret}` }],
  ])('hold for the cache, its locks and its request cache alike, %s', async (_title, options, environment) => {
    Object.assign(process.env, environment);
    const store = memoryStore();
    const running = await begin({ ...options, stores: store });
    const [cache, locks] = [running.get(TieredCache), running.get(CacheLock)];
    await cache.set('person', 'value', { tags: ['t:person'] });
    await locks.using(['person'], {}, async ({ resource }) => {
      expect(resource).toBe(new HiddenNames(keySecret).hide('lock', 'person'));
      const integrity = new Integrity({ keys });
      const signed: string[] = [];
      for await (const storeKey of store.shards[0].keys?.('') ?? []) {
        expect(storeKey).not.toContain('person');
        const [item] = await store.shards[0].readMany([storeKey]);
        if (item && integrity.open(storeKey, item.bytes)) signed.push(storeKey);
      }
      expect(signed).toEqual(
        expect.arrayContaining([cache.storeKey('person'), 'app~versions', `app~lock:${resource}`]),
      );
    });
    expect(await cache.get('person')).toBe('value');
    expect(String(running.get(RequestCache).namespace().lookup('person'))).not.toContain('person');
  });

  it.each([
    [{ keyFormat: 'digest' as const }, /keySecret.*CACHE_KEY_SECRET/],
    [{ keySecret: 'short' }, /keySecret.*fewer than 32/],
    [{ integrity: { keys: [] } }, /integrity\.keys: there is no key/],
    [{ integrity: { keys: [{ id: 'a', secret: 'short' }] } }, /fewer than 32 bytes/],
  ])('%#: stop start-up where they can not be used', async (options, problem) => {
    await expect(begin({ ...options, stores: memoryStore() })).rejects.toThrow(problem);
  });

  it('can be switched off where the environment has them', async () => {
    process.env['CACHE_INTEGRITY_KEYS'] = `a:${keys[0]?.secret}`;
    process.env['CACHE_KEY_SECRET'] = keySecret;
    const store = memoryStore();
    const cache = (await begin({ stores: store, integrity: false, keyFormat: 'readable' })).get(TieredCache);
    await cache.set('person', 'value');
    expect(cache.storeKey('person')).toBe('app:1.0.0::person');
    const [item] = await store.shards[0].readMany(['app:1.0.0::person']);
    expect(item?.bytes.toString('latin1', 0, 3)).toBe('NTC');
  });
});
