import { CACHE_MANAGER, CacheInterceptor } from '@nestjs/cache-manager';
import { Controller, Get, Injectable, NotFoundException, Post, Res, UseGuards, UseInterceptors } from '@nestjs/common';
import type { CanActivate, INestApplication } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Cache } from 'cache-manager';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheInterceptorStatus } from '../../src/adapter/cache-interceptor-status.js';
import { CacheManagerModule } from '../../src/adapter/cache-manager.module.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { appendCacheStatus, cacheStatusField } from '../../src/value/cache-status-field.js';
import { channels, onCacheEvent } from '../../src/value/events.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

let gate: Promise<void> | undefined;
interface Passthrough {
  header(name: string, value: string): unknown;
  status(code: number): unknown;
}
interface AsksForTenant {
  readonly headers: { readonly 'x-tenant'?: string };
}
class LetsAllIn implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Controller()
class Answers {
  @Get('page')
  @CachedResponse({ ttl: '1m', tags: ['pages'] })
  async page(): Promise<object> {
    await gate;
    return {};
  }

  @Get('keyed')
  @CachedResponse({ ttl: '1m', cacheStatus: 'key', query: ['q'] })
  keyed(): object {
    return {};
  }

  @Get('silent')
  @CachedResponse({ ttl: '1m', cacheStatus: false })
  silent(): object {
    return {};
  }

  @Get('guarded')
  @UseGuards(LetsAllIn)
  @CachedResponse()
  guarded(): object {
    return {};
  }

  @Get('unshared')
  @CachedResponse({ principal: () => undefined })
  unshared(): object {
    return {};
  }

  @Get('tenants')
  @CachedResponse({ keyedBy: ({ headers }: AsksForTenant) => [headers['x-tenant']] })
  tenants(): object {
    return {};
  }

  @Get('named')
  @CachedResponse({ cache: 'pages', ttl: '1m' })
  named(): object {
    return {};
  }

  @Get('cookie')
  @CachedResponse()
  cookie(@Res({ passthrough: true }) response: Passthrough): object {
    response.header('Set-Cookie', 'id=1');
    response.header('Cache-Status', 'upstream; hit');
    return {};
  }

  @Get('created')
  @CachedResponse()
  created(@Res({ passthrough: true }) response: Passthrough): object {
    response.status(201);
    return {};
  }

  @Get('missing')
  @CachedResponse()
  missing(): never {
    throw new NotFoundException();
  }

  @Post('page')
  @CachedResponse()
  post(): object {
    return {};
  }
}

@Controller('drop-in')
@UseInterceptors(CacheInterceptor)
class DropIn {
  @Get()
  read(): object {
    return { a: 1 };
  }

  @Post()
  write(): object {
    return {};
  }
}

/** What it waits for is none of this realm's class, as what an ORM gives. */
@Injectable()
class LateKeys extends CacheInterceptor {
  override trackBy(): never {
    return { then: (done: (key: string) => unknown) => done('late') } as never;
  }
}

@Controller('late-keys')
@UseInterceptors(LateKeys)
class OfLateKeys {
  @Get()
  read(): object {
    return { a: 1 };
  }
}

describe.each(platforms)('Cache-Status on %s', (platform) => {
  let app: INestApplication;
  let url: string;
  afterEach(async () => {
    gate = undefined;
    await app?.close();
  });

  const open = async (): Promise<void> => {
    app = await listen(platform, {
      imports: [cacheModule(), cacheModule({ name: 'pages' }), CacheManagerModule.register({ ttl: 60_000 })],
      controllers: [Answers, DropIn, OfLateKeys],
    });
    url = await app.getUrl();
  };
  const statusOf = async (path: string, headers?: Record<string, string>, method?: string) =>
    (await ask(`${url}/${path}`, headers, method)).header['cache-status']?.replace(/ttl=\d+/, 'ttl=N');

  it('says hit, miss and its reason, and by-pass and its reason', async () => {
    await open();
    expect(await statusOf('page')).toBe('tiered-cache; fwd=miss; fwd-status=200; ttl=N; stored; detail=absent');
    expect(await statusOf('page')).toBe('tiered-cache; hit; ttl=N');
    expect(await statusOf('page', {}, 'HEAD')).toBe('tiered-cache; hit; ttl=N');
    await app.get(TieredCache).invalidateTags('pages');
    expect(await statusOf('page')).toMatch(/^tiered-cache; fwd=miss; fwd-status=200; ttl=N; stored; detail=/);
    const bearer = { authorization: 'Bearer a' };
    expect(await statusOf('page', bearer)).toBe('tiered-cache; fwd=bypass; detail=credentials');
    expect(await statusOf('page', { cookie: 'id=1' })).toBe('tiered-cache; fwd=bypass; detail=credentials');
    expect(await statusOf('tenants')).toBe('tiered-cache; fwd=miss; fwd-status=200; ttl=N; stored; detail=absent');
    expect(await statusOf('tenants', bearer)).toBe('tiered-cache; fwd=bypass; detail=credentials');
    expect(await statusOf('unshared', bearer)).toBe('tiered-cache; fwd=bypass; detail=principal');
    expect(await statusOf('guarded')).toBe('tiered-cache; fwd=bypass; detail=guard');
    expect(await statusOf('unshared')).toBe('tiered-cache; fwd=bypass; detail=principal');
    expect(await statusOf('page', {}, 'POST')).toBe('tiered-cache; fwd=method');
    expect(await statusOf('named')).toBe('tiered-cache/pages; fwd=miss; fwd-status=200; ttl=N; stored; detail=absent');
  });

  it('says why an answer was not kept, after what caches nearer to the origin said', async () => {
    await open();
    expect(await statusOf('cookie')).toBe(
      'upstream; hit, tiered-cache; fwd=miss; fwd-status=200; detail="absent, unkept:cookie"',
    );
    expect(await statusOf('created')).toBe('tiered-cache; fwd=miss; fwd-status=201; detail="absent, unkept:status"');
    expect(await statusOf('missing')).toBe('tiered-cache; fwd=miss; fwd-status=404; detail="absent, failed"');
  });

  it('shows the key only where it is allowed, and nothing where it is off', async () => {
    await open();
    expect(await statusOf('keyed?q=%C3%BC%22')).toContain('; key="http Answers.keyed /keyed ?q=2:%C3%BC\\""');
    expect(await statusOf('keyed?q=%C3%BC%22')).toContain('hit; ttl=N; key=');
    expect(await statusOf('silent')).toBeUndefined();
    expect(await statusOf('page')).not.toContain('key');
  });

  it('says of callers who waited for one run that they did', async () => {
    await open();
    let release = (): void => {};
    gate = new Promise((resolve) => (release = resolve));
    let joined = 0;
    const stop = onCacheEvent('loadJoined', () => joined++);
    const asked = [statusOf('page'), statusOf('page'), statusOf('page')];
    await eventually(() => expect(joined).toBe(2));
    stop();
    release();
    const all = await Promise.all(asked);
    expect(all.filter((one) => one === 'tiered-cache; fwd=miss; fwd-status=200; ttl=N; collapsed')).toHaveLength(2);
    expect(all.filter((one) => one?.includes('stored') === true)).toHaveLength(1);
  });

  it.each(['shows its stores', 'hides them, as 6.0 does'])(
    "is said by the interceptor of Nest's cache manager over the tiers, which %s",
    async (how) => {
      await open();
      if (how !== 'shows its stores') Object.assign(app.get<object>(CACHE_MANAGER), { stores: undefined });
      expect(await statusOf('drop-in')).toBe('tiered-cache; fwd=miss; detail=absent');
      await eventually(async () => expect(await statusOf('drop-in')).toBe('tiered-cache; hit'));
      expect(await statusOf('drop-in', {}, 'POST')).toBe('tiered-cache; fwd=method');
    },
  );

  it("is said by an interceptor of Nest's cache manager that waits for its key", async () => {
    await open();
    expect(await statusOf('late-keys')).toBe('tiered-cache; fwd=miss; detail=absent');
    await eventually(async () => expect(await statusOf('late-keys')).toBe('tiered-cache; hit'));
  });

  it("keeps no request from its answer whose URL is longer than a key, by the interceptor of Nest's cache manager", async () => {
    await open();
    expect(await ask(`${url}/drop-in?q=${'q'.repeat(8_300)}`)).toMatchObject({ status: 200, text: '{"a":1}' });
    expect(await statusOf('drop-in')).toBe('tiered-cache; fwd=miss; detail=absent');
  });
});

describe('The keys of look-ups that have not ended', () => {
  it('are the last thousand: others may have ended without a word', () => {
    const cache = {} as Cache;
    const headers = new Map<object, unknown>();
    const httpAdapter = {
      getHeader: () => undefined,
      setHeader: (response: object, _: string, value: unknown) => headers.set(response, value),
    };
    const keys = new Map<object, string>();
    const interceptor = Object.assign(new CacheInterceptor(cache, new Reflector()), {
      httpAdapterHost: { httpAdapter },
      trackBy: (context: object) => keys.get(context),
      setHeadersWhenHttp: (_: object, __: unknown): void => undefined,
    });
    const wrapper = { isDependencyTreeStatic: () => true, instance: interceptor };
    const modules = new Map([['all', { injectables: new Map(), providers: new Map([['one', wrapper]]) }]]);
    const application = { getGlobalInterceptors: () => [] };
    const status = new CacheInterceptorStatus(cache, 'cm', modules as never, application as never);
    status.onModuleInit();
    const contexts = Array.from({ length: 1_001 }, (_, index) => {
      const response = {};
      const context = { getType: () => 'http', switchToHttp: () => ({ getResponse: () => response }), response };
      keys.set(context, `key${index}`);
      interceptor.trackBy(context);
      return context;
    });
    const told = [0, 1, 1_000].map((index) => {
      channels.miss.publish({ cache: 'cm', key: `key${index}`, reason: 'absent' });
      const context = contexts[index] as (typeof contexts)[number];
      interceptor.setHeadersWhenHttp(context, undefined);
      return headers.get(context.response);
    });
    status.onApplicationShutdown();
    expect(told).toEqual(
      ['', '; detail=absent', '; detail=absent'].map((detail) => `tiered-cache/cm; fwd=miss${detail}`),
    );
  });
});

describe('The field', () => {
  it('is a member of a list of structured fields', () => {
    expect(cacheStatusField({ cache: 'a b', fwd: 'miss', key: 'x"\\\ny', detail: 'two words' })).toBe(
      '"a b"; fwd=miss; key="x\\"\\\\%0Ay"; detail="two words"',
    );
    expect(cacheStatusField({ cache: 'a', hit: true, ttl: -3 })).toBe('a; hit; ttl=-3');
    expect(cacheStatusField({ cache: 'a', hit: true, ttl: Infinity })).toBe('a; hit');
    expect(appendCacheStatus(['a; hit', 'b'], { cache: 'c' })).toBe('a; hit, b, c');
  });
});
