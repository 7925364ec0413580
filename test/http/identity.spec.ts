import { Controller, Get, HostParam, mixin, Module, VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import type { INestApplication, VersioningOptions } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CachedResponse } from '../../src/http/cached-response.js';
import { requestKey } from '../../src/http/request-key.js';
import { ask } from '../support/ask.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

let runs = 0;
let given: unknown;

/** One controller of that name for each version. */
const catsOf = (
  version: string | string[] | typeof VERSION_NEUTRAL | undefined,
  host?: string | string[],
  from = `${String(version)} ${String(host)}`,
) => {
  @Controller({ path: 'cats', ...(version !== undefined && { version }), ...(host !== undefined && { host }) })
  class CatsController {
    @Get()
    @CachedResponse()
    all(): object {
      return { from, run: ++runs };
    }
  }
  return CatsController;
};

@Controller({ path: 'tenants', host: ':tenant.example.com' })
class TenantsController {
  @Get()
  @CachedResponse()
  read(@HostParam('tenant') tenant: string): object {
    return { tenant, run: ++runs };
  }
}

@Controller({ path: 'shops', host: ['a.example.com', 'b.example.com'] })
class ShopsController {
  @Get()
  @CachedResponse()
  read(): object {
    return { run: ++runs };
  }
}

type WithCredentials = { readonly headers: { readonly authorization?: string } };

@Controller('credentials')
class CredentialsController {
  @Get('principal')
  @CachedResponse({
    principal: ({ headers }: WithCredentials) => headers.authorization ?? null,
    cacheStatus: 'key',
  })
  principal(): object {
    return { run: ++runs };
  }

  @Get('headers')
  @CachedResponse({ principal: 'anyone', headers: ['Authorization', 'Cookie'], cacheStatus: 'key' })
  headers(): object {
    return { run: ++runs };
  }
}

@Controller('given')
class GivenController {
  @Get('principal')
  @CachedResponse({ principal: () => given as string })
  principal(): object {
    return { run: ++runs };
  }

  @Get('keyed')
  @CachedResponse({ keyedBy: () => given as string[] })
  keyed(): object {
    return { run: ++runs };
  }
}

describe.each(platforms)('Which answer it is, on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const open = async (
    controllers: (abstract new () => object)[],
    versioning?: VersioningOptions,
  ): Promise<(path: string, headers?: Record<string, string>) => ReturnType<typeof ask>> => {
    runs = 0;
    app = await listen(platform, { imports: [cacheModule()], controllers: controllers as never }, (one) => {
      if (versioning) one.enableVersioning(versioning);
    });
    const url = await app.getUrl();
    return (path, headers) => ask(`${url}/${path}`, headers);
  };

  const types: [VersioningOptions, (version: string) => Record<string, string>, string][] = [
    [{ type: VersioningType.HEADER, header: 'X-Version' }, (version) => ({ 'x-version': version }), 'x-version'],
    [
      { type: VersioningType.MEDIA_TYPE, key: 'v=' },
      (version) => ({ accept: `application/json;v=${version}` }),
      'accept',
    ],
    [
      {
        type: VersioningType.CUSTOM,
        extractor: (request: unknown) => {
          const { headers } = request as { headers: Record<string, string> };
          return headers['x-mine'] ?? '';
        },
      },
      (version) => ({ 'x-mine': version }),
      'x-mine',
    ],
  ];

  it.each(types)('tells controllers of one name apart by their version (%p)', async (versioning, headersOf, vary) => {
    const read = await open([catsOf('1'), catsOf(['2', '3'])], versioning);
    for (const _turn of [1, 2]) {
      expect((await read('cats', headersOf('1'))).text).toBe('{"from":"1 undefined","run":1}');
      expect((await read('cats', headersOf('2'))).text).toBe('{"from":"2,3 undefined","run":2}');
    }
    const { header } = await read('cats', headersOf('1'));
    expect(header['vary']?.toLowerCase().split(', ')).toContain(vary);
    expect(header['cache-control']).toMatch(versioning.type === VersioningType.CUSTOM ? /^private/ : /^public/);
  });

  it('varies by the version on neutral routes as well: others may stand beside them', async () => {
    const read = await open([catsOf('1'), catsOf(VERSION_NEUTRAL)], {
      type: VersioningType.HEADER,
      header: 'X-Version',
    });
    expect((await read('cats')).header['vary']).toContain('X-Version');
    expect((await read('cats', { 'x-version': '1' })).text).toContain('"from":"1 ');
  });

  it('tells versions of the path apart', async () => {
    const read = await open([catsOf('1'), catsOf('2')], { type: VersioningType.URI });
    for (const _turn of [1, 2]) {
      expect((await read('v1/cats')).text).toBe('{"from":"1 undefined","run":1}');
      expect((await read('v2/cats')).text).toBe('{"from":"2 undefined","run":2}');
    }
  });

  /** With a Host of its own, which fetch doesn't allow. */
  const readFrom = async (host: string, path: string): Promise<string> => {
    const { hostname, port } = new URL(await app.getUrl());
    return new Promise((resolve, reject) => {
      const sent = httpRequest({ hostname, port, path, headers: { host } }, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text));
      });
      sent.on('error', reject).end();
    });
  };

  it('tells hosts apart where the controller is bound to some', async () => {
    await open(platform === 'Express' ? [TenantsController, ShopsController] : [TenantsController]);
    expect(await readFrom('one.example.com', '/tenants')).toBe('{"tenant":"one","run":1}');
    expect(await readFrom('two.example.com', '/tenants')).toBe('{"tenant":"two","run":2}');
    expect(await readFrom('one.example.com', '/tenants')).toBe('{"tenant":"one","run":1}');
    if (platform === 'Fastify') return;
    expect(await readFrom('a.example.com', '/shops')).toBe('{"run":3}');
    expect(await readFrom('b.example.com', '/shops')).toBe('{"run":4}');
    expect(await readFrom('A.example.com', '/shops')).toBe('{"run":3}');
  });

  it('refuses two controllers of one name that could meet', async () => {
    await expect(open([catsOf('1'), catsOf('1')], { type: VersioningType.HEADER, header: 'v' })).rejects.toThrow(
      'two controllers of one name have CatsController.all on one route and version',
    );
  });

  it('tells two controllers of one name apart that RouterModule puts on different paths', async () => {
    @Module({ controllers: [catsOf(undefined, undefined, 'admin')] })
    class AdminModule {}
    @Module({ controllers: [catsOf(undefined, undefined, 'public')] })
    class PublicModule {}
    const routes = RouterModule.register([
      { path: 'admin', module: AdminModule },
      { path: 'public', module: PublicModule },
    ]);
    runs = 0;
    app = await listen(platform, { imports: [cacheModule(), AdminModule, PublicModule, routes] });
    for (const _turn of [1, 2]) {
      expect((await ask(`${await app.getUrl()}/admin/cats`)).text).toBe('{"from":"admin","run":1}');
      expect((await ask(`${await app.getUrl()}/public/cats`)).text).toBe('{"from":"public","run":2}');
    }
  });

  it('refuses two controllers of one name that RouterModule puts on one path', async () => {
    @Module({ controllers: [catsOf(undefined)] })
    class OneModule {}
    @Module({ controllers: [catsOf(undefined)] })
    class OtherModule {}
    const modules = [OneModule, OtherModule];
    const routes = RouterModule.register(modules.map((module) => ({ path: 'admin', module })));
    await expect(listen(platform, { imports: [cacheModule(), ...modules, routes] })).rejects.toThrow(
      'two controllers of one name have CatsController.all on one route and version',
    );
  });

  it('refuses a controller that mixin() has named at random, unless a class with a name extends it', async () => {
    await expect(open([mixin(catsOf('1'))])).rejects.toThrow(/\.all has a name that mixin\(\) gave it at random/);
    @Controller('named')
    class NamedController extends mixin(catsOf('1')) {}
    const read = await open([NamedController]);
    for (const _turn of [1, 2]) expect((await read('named')).text).toMatch(/"run":1\}$/);
  });

  it.each([
    ['a promise', Promise.resolve('ada')],
    ['a number', 7],
    ['an object', { id: 7 }],
    ['an empty text', ''],
    ['half a surrogate pair', '\ud800'],
    ['another half', '\udfff'],
  ])('refuses %s as a principal', async (_name, principal) => {
    const read = await open([GivenController]);
    given = principal;
    expect((await read('given/principal')).status).toBe(500);
    expect(runs).toBe(0);
  });

  it.each([
    ['a promise', Promise.resolve(['a'])],
    ['an array with an object', [{ tenant: 1 }]],
    ['an array with a promise', [Promise.resolve(1)]],
    ['no array', 'tenant'],
  ])('refuses %s as keyedBy', async (_name, keyed) => {
    const read = await open([GivenController]);
    given = keyed;
    expect((await read('given/keyed')).status).toBe(500);
    expect(runs).toBe(0);
  });

  it.each(['principal', 'headers'])('tells callers apart without a credential in the key (%s)', async (option) => {
    const read = await open([CredentialsController]);
    const keys = new Set<string | undefined>();
    for (const who of ['Bearer secret-a', 'Bearer secret-b', undefined]) {
      const headers: Record<string, string> = who === undefined ? {} : { authorization: who, cookie: 'id=secret' };
      const { text, header } = await read(`credentials/${option}`, headers);
      expect((await read(`credentials/${option}`, headers)).text).toBe(text);
      const key = header['cache-status']?.match(/key="([^"]*)"/)?.[1];
      expect(key).toMatch(/^http CredentialsController/);
      expect(key).not.toMatch(/secret|Bearer/);
      keys.add(key);
    }
    expect([keys.size, runs]).toEqual([3, 3]);
  });

  it('tells apart what keyedBy gives, with its types', async () => {
    const read = await open([GivenController]);
    const seen = new Set<string>();
    for (const one of [
      ['1'],
      [1],
      [1n],
      [true],
      [null],
      ['1', ''],
      ['', '1'],
      [],
      [Number.NaN],
      ['\ud800'],
      ['\udfff'],
    ]) {
      given = one;
      const { text } = await read('given/keyed');
      expect((await read('given/keyed')).text).toBe(text);
      seen.add(text);
    }
    expect(seen.size).toBe(10); // the number and the bigint are one
  });
});

it('no two requests share a key because of what their values look like', () => {
  const route = { identity: 'C.m', hasHost: false };
  const inKey = { query: ['a', 'b'], headers: [] };
  const keyOf = (a: unknown, b: unknown): string =>
    requestKey(route, { method: 'GET', headers: {}, query: { a, b } }, inKey, undefined, null);
  const values = [
    undefined,
    '',
    '-',
    '=0:',
    ' ?b=1:1',
    ['x'],
    ['x', 'y'],
    'x,y',
    '\ud800',
    '\udfff',
    '~8:"\\ud800"',
    '{}2:{}',
    {},
  ];
  const texts = values.flatMap((a) => values.map((b) => keyOf(a, b)));
  expect(new Set(texts).size).toBe(values.length ** 2);
});
