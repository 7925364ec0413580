// The drop-in: CacheInterceptor with its decorators, and the injected cache, of whichever @nestjs/cache-manager and cache-manager are there.
import assert from 'node:assert/strict';
import { CACHE_MANAGER, CacheInterceptor, CacheKey, CacheTTL } from '@nestjs/cache-manager';
import type { Cache } from '@nestjs/cache-manager';
import { Controller, Get, Inject, Injectable, UseInterceptors } from '@nestjs/common';
import { CacheManagerModule } from 'nestjs-tiered-cache/cache-manager';
import { inMemory, withApplication } from '../application.js';

let runs = 0;

@Injectable()
class Cats {
  constructor(@Inject(CACHE_MANAGER) readonly cache: Cache) {}
}

@Controller('cats')
@UseInterceptors(CacheInterceptor)
class CatsController {
  @Get()
  @CacheTTL(5_000)
  all() {
    return { run: ++runs };
  }

  @Get('named')
  @CacheKey('named-cats')
  named() {
    return { run: ++runs };
  }
}

export async function cacheManager(): Promise<void> {
  const metadata = {
    imports: [inMemory(), CacheManagerModule.register({ ttl: 60_000 })],
    controllers: [CatsController],
    providers: [Cats],
  };
  await withApplication(metadata, async (ask, app) => {
    const read = async (path: string) => {
      const { text, headers } = await ask(path);
      return [text, headers.get('x-cache')];
    };
    assert.deepEqual(await read('/cats'), ['{"run":1}', 'MISS']);
    assert.deepEqual(await read('/cats'), ['{"run":1}', 'HIT']);
    assert.deepEqual(await read('/cats/named?a=1'), ['{"run":2}', 'MISS']);
    assert.deepEqual(await read('/cats/named?a=2'), ['{"run":2}', 'HIT']);

    const { cache } = app.get(Cats);
    const found = async (key: string) => ((await cache.get(key)) ?? undefined) !== undefined; // version 6 says null
    assert.deepEqual(await cache.get('named-cats'), { run: 2 });
    assert.equal(await cache.set('a', 1), 1);
    assert.equal(await cache.get('a'), 1);
    assert.equal(await cache.del('a'), true);
    assert.equal(await found('a'), false);
    await cache.mset([
      { key: 'b', value: { c: [2] } },
      { key: 'd', value: null },
    ]);
    assert.deepEqual(await cache.mget(['d', 'b']), [null, { c: [2] }]);
    assert.equal(await cache.mdel(['b', 'd']), true);

    let loads = 0;
    const load = async () => ++loads;
    assert.deepEqual(await Promise.all([cache.wrap('f', load, 1_000), cache.wrap('f', load, 1_000)]), [1, 1]);
    const late = cache.wrap('row', async () => {
      await cache.del('row');
      return 'old row';
    });
    assert.equal(await late, 'old row');
    assert.equal(await found('row'), false);
    const told: unknown[] = [];
    cache.on('set', ({ key }: { key: string }) => told.push(key));
    await cache.set('g', 1, 0);
    assert.ok(told.includes('g'));
    await cache.clear();
    assert.equal(await found('g'), false);
  });
}
