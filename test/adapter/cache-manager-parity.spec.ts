import { CACHE_MANAGER } from '@nestjs/cache-manager';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createCache } from 'cache-manager';
import type { Cache } from 'cache-manager';
import { CacheManagerModule } from '../../src/adapter/cache-manager.module.js';
import { cacheManager } from '../../src/adapter/cache-manager.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { replaceStores } from '../../src/testing/replace-stores.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { cacheModule } from '../support/nest-application.js';

describe('As cache-manager itself does', () => {
  let tiers: TieredCache;
  afterEach(() => tiers.close());

  it('mset answers and tells the list that it was given, with no life where none was', async () => {
    tiers = await buildCache({});
    const seen = async (cache: Cache): Promise<unknown[]> => {
      const told: unknown[] = [];
      cache.on('mset', (data) => told.push(data.list));
      const list = [{ key: 'a', value: 1 }, { key: 'b', value: 2, ttl: 5_000 }]; // prettier-ignore
      return [await cache.mset(list), ...told];
    };
    expect(await seen(cacheManager(tiers))).toEqual(await seen(createCache()));
    expect(await seen(cacheManager(tiers, { ttl: 9 }))).toEqual(await seen(createCache({ ttl: 9 })));
  });

  it('a refresh whose value is refused says so in its event, and the old value is served on', async () => {
    const clock = new FakeClock();
    tiers = await buildCache({ clock });
    const cache = cacheManager(tiers, { ttl: 60_000, refreshThreshold: 10_000, clock });
    const told = new Promise<{ key: string; value: unknown; error?: unknown }>((resolve) =>
      cache.on('refresh', resolve),
    );
    await cache.wrap('a', async () => 'first');
    await clock.advance(55_000);
    expect(await cache.wrap<unknown>('a', async () => 10n)).toBe('first');
    const { key, value, error } = await told;
    expect([key, value]).toEqual(['a', 'first']);
    expect(error).toMatchObject({ code: 'UNENCODABLE_VALUE' });
    expect(await cache.wrap('a', async () => 'second')).toBe('first');
  });
});

describe('The clock of a drop-in', () => {
  it('is that of the cache below: wrap ends its lives by it', async () => {
    const clock = new FakeClock();
    const builder = Test.createTestingModule({ imports: [cacheModule(), CacheManagerModule.register({ ttl: '1m' })] });
    const module = await replaceStores(builder, { clock }).compile();
    const cache = module.get<Cache>(CACHE_MANAGER);
    let loads = 0;
    const read = () => cache.wrap('a', async () => ++loads);
    expect([await read(), await read()]).toEqual([1, 1]);
    await clock.advance('59s');
    expect(await read()).toBe(1);
    await clock.advance('1s');
    expect(await read()).toBe(2);
    await module.close();
  });

  it('is that of the cache below where cacheManager is called by hand, and no option says so', async () => {
    const clock = new FakeClock();
    const provider = {
      provide: CACHE_MANAGER,
      inject: [TieredCache],
      useFactory: (below: TieredCache) => cacheManager(below, { ttl: '1m' }),
    };
    const builder = Test.createTestingModule({ imports: [cacheModule()], providers: [provider] });
    const module = await replaceStores(builder, { clock }).compile();
    const cache = module.get<Cache>(CACHE_MANAGER);
    let loads = 0;
    const read = () => cache.wrap('a', async () => ++loads);
    expect([await read(), await read()]).toEqual([1, 1]);
    await clock.advance('59s');
    expect([await read(), await cache.get('a')]).toEqual([1, 1]);
    await clock.advance('1s');
    expect([await cache.get('a'), await read()]).toEqual([undefined, 2]);
    await module.close();
  });

  describe.each([
    ['behind the time of day', () => new FakeClock(1_000_000)],
    ['ahead of it', () => new FakeClock(Date.now() + 86_400_000)],
  ])('%s', (_, makeClock) => {
    it('is that of get and mget too, which find what wrap has stored, and of ttl', async () => {
      const clock = makeClock();
      const cache = cacheManager(await buildCache({ clock }), { ttl: 60_000, clock });
      expect(await cache.wrap('a', async () => 1)).toBe(1);
      await clock.advance('30s');
      expect([await cache.get('a'), await cache.mget(['a', 'b'])]).toEqual([1, [1, undefined]]);
      expect(await cache.wrap('a', async () => 2)).toBe(1);
      expect(await cache.ttl('a')).toBeGreaterThan(Date.now());
      await clock.advance('30s');
      expect([await cache.get('a'), await cache.mget(['a'])]).toEqual([undefined, [undefined]]);
    });

    it('is that of set and mset too, whose entries wrap refreshes when they are due', async () => {
      const clock = makeClock();
      const cache = cacheManager(await buildCache({ clock }), { ttl: 60_000, refreshThreshold: 10_000, clock });
      const refreshed = new Set<string>();
      cache.on('refresh', ({ key }) => refreshed.add(key));
      await cache.set('a', 1);
      await cache.mset([{ key: 'b', value: 1 }]);
      await clock.advance('40s');
      for (const key of ['a', 'b']) expect(await cache.wrap(key, async () => 2)).toBe(1);
      await clock.advance('11s');
      for (const key of ['a', 'b']) await cache.wrap(key, async () => 3);
      await eventually(() => expect(refreshed).toEqual(new Set(['a', 'b'])));
      expect(await cache.mget(['a', 'b'])).toEqual([3, 3]);
    });
  });
});
