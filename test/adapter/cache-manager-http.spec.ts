import { Cache, CACHE_MANAGER, CacheInterceptor, CacheKey, CacheTTL } from '@nestjs/cache-manager';
import {
  Controller,
  Get,
  Header,
  Inject,
  Injectable,
  Module,
  NotFoundException,
  Param,
  Post,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import type { ExecutionContext, INestApplication, ModuleMetadata } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { keyvStorage } from '../../src/adapter/keyv-storage.js';
import { CacheManagerModule } from '../../src/adapter/cache-manager.module.js';
import type { CacheManagerOptionsFactory } from '../../src/adapter/cache-manager.module.js';
import { getTieredCacheToken } from '../../src/cache/injection-tokens.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { patience } from '../support/patience.js';
import { startMemcached } from '../support/memcached-process.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import type { Platform } from '../support/nest-application.js';

/**
 * The examples of the caching chapter of Nest's documentation (docs.nestjs.com/techniques/caching, for @nestjs/cache-manager 3 and 12), with
 * `CacheManagerModule` in the place of `CacheModule`; all else is as it stands there. Methods count, so that a test sees whether they ran.
 */
let calls = 0;

@Controller()
@UseInterceptors(CacheInterceptor)
class AppController {
  @Get()
  findAll(): { cats: string[]; call: number } {
    return { cats: ['Tom'], call: ++calls };
  }

  @Get('none')
  findNone(): null {
    calls++;
    return null;
  }

  @Get('file')
  @Header('content-type', 'text/plain')
  file(): StreamableFile {
    return new StreamableFile(Buffer.from(`call ${++calls}`));
  }

  @Get('broken')
  broken(): never {
    calls++;
    throw new NotFoundException();
  }

  @Get('cats/:id')
  one(@Param('id') id: string): { id: string; call: number } {
    return { id, call: ++calls };
  }

  @Post()
  create(): { call: number } {
    return { call: ++calls };
  }
}

@Controller('overrides')
@CacheTTL(60)
@UseInterceptors(CacheInterceptor)
class OverridesController {
  @Get()
  @CacheKey('custom_key')
  @CacheTTL(60_000)
  findAll(): { call: number } {
    return { call: ++calls };
  }

  @Get('short')
  short(): { call: number } {
    return { call: ++calls };
  }

  @Get('made')
  @CacheKey((context: ExecutionContext) => `made:${context.switchToHttp().getRequest<{ url: string }>().url.length}`)
  @CacheTTL(() => 60_000)
  made(): { call: number } {
    return { call: ++calls };
  }
}

@Injectable()
class CatsService {
  constructor(
    @Inject(CACHE_MANAGER) readonly cacheManager: Cache,
    readonly sameCache: Cache,
  ) {}
}

const running: INestApplication[] = [];
afterEach(async () => {
  calls = 0;
  for (const app of running.splice(0).reverse()) await app.close();
});

async function run(
  metadata: ModuleMetadata,
  platform: Platform = 'Express',
): Promise<{ app: INestApplication; ask: (path: string, init?: RequestInit) => Promise<Answer> }> {
  const app = await listen(platform, metadata);
  running.push(app);
  const url = await app.getUrl();
  const ask = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    return { status: response.status, from: response.headers.get('x-cache'), text };
  };
  return { app, ask };
}

interface Answer {
  readonly status: number;
  /** `X-Cache`, which `CacheInterceptor` sets. */
  readonly from: string | null;
  readonly text: string;
}

describe.each(platforms)("The caching chapter of Nest's documentation, on the tiers and %s", (platform) => {
  const runHere = (metadata: ModuleMetadata) => run(metadata, platform);

  it('in-memory cache; interacting with the cache store', async () => {
    const { app } = await runHere({
      imports: [cacheModule(), CacheManagerModule.register()],
      providers: [CatsService],
    });
    const { cacheManager, sameCache } = app.get(CatsService);
    expect(sameCache).toBe(cacheManager);
    expect(await cacheManager.get('key')).toBeUndefined();
    await cacheManager.set('key', 'value');
    expect(await cacheManager.get('key')).toBe('value');
    await cacheManager.set('key', 'value', 100);
    await eventually(async () => expect(await cacheManager.get('key')).toBeUndefined());
    await cacheManager.set('key', 'value', 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await cacheManager.get('key')).toBe('value');
    await cacheManager.del('key');
    expect(await cacheManager.get('key')).toBeUndefined();
    await cacheManager.set('key', 'value');
    await cacheManager.clear();
    expect(await cacheManager.get('key')).toBeUndefined();
  });

  it('auto-caching responses', async () => {
    const { ask } = await runHere({
      imports: [cacheModule(), CacheManagerModule.register()],
      controllers: [AppController],
    });
    const body = '{"cats":["Tom"],"call":1}';
    expect(await ask('/')).toEqual({ status: 200, from: 'MISS', text: body });
    expect(await ask('/')).toEqual({ status: 200, from: 'HIT', text: body });
    expect((await ask('/cats/1?a=1')).text).toBe('{"id":"1","call":2}');
    expect((await ask('/cats/1?a=2')).text).toBe('{"id":"1","call":3}');
    expect((await ask('/cats/1?a=1')).text).toBe('{"id":"1","call":2}');
    expect((await ask('/', { method: 'POST' })).text).toBe('{"call":4}');
    expect((await ask('/', { method: 'POST' })).text).toBe('{"call":5}');
    expect((await ask('/file')).text).toBe('call 6');
    expect((await ask('/file')).text).toBe('call 7');
    for (const path of ['/none', '/broken'])
      expect([(await ask(path)).from, (await ask(path)).from]).toEqual(['MISS', 'MISS']);
    expect(calls).toBe(11);
  });

  it('binding the interceptor globally, with a ttl for all', async () => {
    @Controller()
    class Plain {
      @Get()
      findAll(): { call: number } {
        return { call: ++calls };
      }
    }
    const { app, ask } = await runHere({
      imports: [cacheModule(), CacheManagerModule.register({ ttl: 60_000 })],
      controllers: [Plain],
      providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
    });
    expect((await ask('/')).text).toBe('{"call":1}');
    expect(await ask('/')).toMatchObject({ from: 'HIT', text: '{"call":1}' });
    const left = ((await app.get<Cache>(CACHE_MANAGER).ttl('/')) ?? 0) - Date.now();
    expect(left).toBeGreaterThan(40_000);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it('use module globally', async () => {
    @Module({ controllers: [AppController], providers: [CatsService] })
    class FeatureModule {}
    const { ask } = await runHere({
      imports: [cacheModule(), CacheManagerModule.register({ isGlobal: true }), FeatureModule],
    });
    expect([(await ask('/')).from, (await ask('/')).from]).toEqual(['MISS', 'HIT']);
  });

  it('is seen only by who imports it, where it is not global (negative control)', async () => {
    @Module({ providers: [CatsService] })
    class FeatureModule {}
    const starting = runHere({ imports: [cacheModule(), CacheManagerModule.register(), FeatureModule] });
    await expect(starting).rejects.toThrow(/CACHE_MANAGER/);
  });

  it('global cache overrides: @CacheKey and @CacheTTL on methods and controllers', async () => {
    const { app, ask } = await runHere({
      imports: [cacheModule(), CacheManagerModule.register()],
      controllers: [OverridesController],
    });
    const cache = app.get<Cache>(CACHE_MANAGER);
    expect([(await ask('/overrides?a=1')).text, (await ask('/overrides?a=2')).text]).toEqual([
      '{"call":1}',
      '{"call":1}',
    ]);
    expect(await cache.get('custom_key')).toEqual({ call: 1 });
    expect(await cache.ttl('custom_key')).toBeGreaterThan(Date.now() + 50_000);
    expect((await ask('/overrides/short')).text).toBe('{"call":2}');
    await eventually(async () => expect((await ask('/overrides/short')).text).toBe('{"call":3}'));
    expect([(await ask('/overrides/made')).from, (await ask('/overrides/made')).from]).toEqual(['MISS', 'HIT']);
    expect(await cache.get('made:15')).toEqual({ call: 4 });
  });

  it('adjust tracking: a subclass that tracks by something else', async () => {
    @Injectable()
    class HttpCacheInterceptor extends CacheInterceptor {
      override trackBy(context: ExecutionContext): string | undefined {
        return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-user'];
      }
    }
    @Controller()
    @UseInterceptors(HttpCacheInterceptor)
    class Profile {
      @Get()
      profile(): { call: number } {
        return { call: ++calls };
      }
    }
    const { ask } = await runHere({ imports: [cacheModule(), CacheManagerModule.register()], controllers: [Profile] });
    const as = async (user?: string) =>
      (await ask('/', user === undefined ? {} : { headers: { 'x-user': user } })).text;
    expect([await as('ann'), await as('bob'), await as('ann'), await as(), await as()]).toEqual(
      [1, 2, 1, 3, 4].map((call) => `{"call":${call}}`),
    );
  });
});

describe('The rest of the chapter', () => {
  it('microservices: a pattern with a key', async () => {
    @Controller()
    class Events {
      @CacheKey('events')
      @CacheTTL(60_000)
      @UseInterceptors(CacheInterceptor)
      @MessagePattern('events')
      handle(): { call: number } {
        return { call: ++calls };
      }
    }
    const options = { host: '127.0.0.1', port: await freePort() };
    const module = await Test.createTestingModule({
      imports: [cacheModule(), CacheManagerModule.register()],
      controllers: [Events],
    }).compile();
    const service = module.createNestMicroservice({ transport: Transport.TCP, options });
    await service.listen();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    try {
      const send = () => firstValueFrom(client.send<unknown>('events', {}));
      expect([await send(), await send()]).toEqual([{ call: 1 }, { call: 1 }]);
    } finally {
      await client.close();
      await service.close();
    }
  });

  const lifeMs = 600_000;
  class CacheConfigService implements CacheManagerOptionsFactory {
    createCacheOptions() {
      return { ttl: lifeMs };
    }
  }
  @Module({ providers: [CacheConfigService], exports: [CacheConfigService] })
  class ConfigModule {}

  it.each([
    ['useFactory', CacheManagerModule.registerAsync({ useFactory: () => ({ ttl: lifeMs }) })],
    [
      'useFactory with inject',
      CacheManagerModule.registerAsync({
        imports: [ConfigModule],
        useFactory: async (config: CacheConfigService) => config.createCacheOptions(),
        inject: [CacheConfigService],
      }),
    ],
    ['useClass', CacheManagerModule.registerAsync({ useClass: CacheConfigService })],
    ['useExisting', CacheManagerModule.registerAsync({ imports: [ConfigModule], useExisting: CacheConfigService })],
    [
      'extraProviders',
      CacheManagerModule.registerAsync({
        extraProviders: [{ provide: 'LIFE', useValue: lifeMs }],
        useFactory: (ttl: number) => ({ ttl }),
        inject: ['LIFE'],
      }),
    ],
  ])('async configuration: %s', async (_, module) => {
    const { app } = await run({ imports: [cacheModule(), module] });
    const cache = app.get<Cache>(CACHE_MANAGER);
    const before = Date.now();
    await cache.set('a', 1);
    const left = ((await cache.ttl('a')) as number) - before;
    expect(Math.abs(left - lifeMs)).toBeLessThan(60_000);
  });
});

describe('CacheManagerModule', () => {
  it('shares responses between the processes of a fleet, on a real memcached, and loses none of the race', async () => {
    const server = await startMemcached();
    try {
      const start = () =>
        run({
          imports: [
            cacheModule({
              stores: memcachedStore({ servers: server.address, ...patience }),
              coherence: { interval: '50ms' },
            }),
            CacheManagerModule.register({ ttl: '1m' }),
          ],
          controllers: [AppController],
        });
      const [one, other] = [await start(), await start()];
      expect(await one.ask('/')).toMatchObject({ from: 'MISS', text: '{"cats":["Tom"],"call":1}' });
      const [cache, elsewhere] = [one.app.get<Cache>(CACHE_MANAGER), other.app.get<Cache>(CACHE_MANAGER)];
      // The interceptor answers before its `set` is through.
      await eventually(async () => expect(await elsewhere.get('/')).toEqual({ cats: ['Tom'], call: 1 }));
      expect(await other.ask('/')).toMatchObject({ from: 'HIT', text: '{"cats":["Tom"],"call":1}' });
      expect(Number((await server.stats())['curr_items'])).toBeGreaterThan(0);
      expect(await cache.del('/')).toBe(true);
      await eventually(async () => expect(await other.ask('/')).toMatchObject({ text: '{"cats":["Tom"],"call":2}' }));

      let loads = 0;
      const load = async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return ++loads;
      };
      expect(await Promise.all([cache.wrap('wrapped', load), elsewhere.wrap('wrapped', load)])).toEqual([1, 1]);

      const loading = cache.wrap('row', async () => {
        await elsewhere.del('row');
        return 'old row';
      });
      expect(await loading).toBe('old row');
      expect(await elsewhere.get('row')).toBeUndefined();
      await eventually(async () => expect(await cache.get('row')).toBeUndefined());

      expect(await cache.clear()).toBe(true);
      await eventually(async () => expect(await elsewhere.get('wrapped')).toBeUndefined());
      await server.kill();
      expect(await one.ask('/cats/7')).toMatchObject({ status: 200, from: 'MISS' });
      expect(await one.ask('/cats/7')).toMatchObject({ status: 200 });
    } finally {
      await server.stop();
    }
  });

  it('takes the cache that it is told to, so that several stand side by side', async () => {
    const module = await Test.createTestingModule({
      imports: [
        cacheModule(),
        cacheModule({ name: 'pricing', stores: memoryStore() }),
        CacheManagerModule.register({ cache: 'pricing', ttl: 60_000 }),
      ],
    }).compile();
    const cache = module.get<Cache>(CACHE_MANAGER, { strict: false });
    await cache.set('a', 1);
    const tiersOf = (name?: string) => module.get<TieredCache>(getTieredCacheToken(name), { strict: false });
    const found = [undefined, 'pricing'].map(async (name) => {
      const storage = keyvStorage(tiersOf(name));
      storage.namespace = 'cache-manager';
      return storage.has('a');
    });
    expect(await Promise.all(found)).toEqual([false, true]);
    await module.close();
  });

  it.each([
    [{ stores: [] }, /^stores: .*TieredCacheModule\.forRoot\(\{ stores \}\).*keyvStore/],
    [{ max: 100 }, /^max: .*maxEntries/],
    [{ isGlobal: true }, /^isGlobal: .*beside useFactory/],
    [{ tll: 5 }, /^tll: .*Did you mean ttl/],
    [{ ttl: 'soon' }, /ttl: 'soon' is not a duration/],
    [{ ttl: NaN }, /ttl: NaN is not a duration/],
  ])('does not start with %j, and says what to do', async (options, message) => {
    const module = CacheManagerModule.registerAsync({ useFactory: () => options as never });
    await expect(Test.createTestingModule({ imports: [cacheModule(), module] }).compile()).rejects.toThrow(message);
  });

  it('takes what CacheModule took of several stores, in all three ways, and lets nothing else past the compiler', async () => {
    class Options implements CacheManagerOptionsFactory {
      createCacheOptions(): ReturnType<CacheManagerOptionsFactory['createCacheOptions']> {
        return { nonBlocking: true, refreshAllStores: true };
      }
    }
    for (const module of [
      CacheManagerModule.register({ nonBlocking: true, refreshAllStores: false }),
      CacheManagerModule.registerAsync({ useFactory: () => ({ ttl: '5s', nonBlocking: true }) }),
      CacheManagerModule.registerAsync({ useClass: Options }),
    ]) {
      const started = await Test.createTestingModule({ imports: [cacheModule(), module] }).compile();
      expect(await started.get<Cache>(CACHE_MANAGER, { strict: false }).set('a', 1)).toBe(1);
      await started.close();
    }
    // @ts-expect-error there is one store
    expect(CacheManagerModule.register({ stores: [] })).toMatchObject({ module: CacheManagerModule });
  });

  it.each([{ nonBlocking: true }, { refreshAllStores: true }, { ttl: '5s' }, undefined])(
    'starts with %j',
    async (options) => {
      const module = CacheManagerModule.registerAsync({ useFactory: () => options as never });
      const started = await Test.createTestingModule({ imports: [cacheModule(), module] }).compile();
      expect(await started.get<Cache>(CACHE_MANAGER, { strict: false }).set('a', 1)).toBe(1);
      await started.close();
    },
  );
});
