import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { BadRequestException, Controller, createParamDecorator, Get, Headers, Param, Query } from '@nestjs/common';
import type { ArgumentMetadata, CallHandler, ExecutionContext, INestApplication, PipeTransform } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Observable } from 'rxjs';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { compileSpliced } from '../../src/codec/spliced/compile-spliced.js';
import { hole } from '../../src/codec/spliced/hole.js';
import type { SplicedDocument } from '../../src/codec/spliced/spliced-document.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

type Members = Readonly<Record<string, unknown>>;
interface Asking {
  readonly query: Members;
  readonly headers: Members;
}
let runs = 0;

const Asked = createParamDecorator((take: (asking: Asking & { readonly hostname: string }) => unknown, context) =>
  take(context.switchToHttp().getRequest()),
);

@Controller()
class Lists {
  @Get('list')
  @CachedResponse({ ttl: '1m', query: ['page', 'filter'] })
  list(@Query() query: Members): object {
    return { run: ++runs, query };
  }

  @Get('stale')
  @CachedResponse({ ttl: '1h', staleFor: '1h', query: ['page'], tags: ['lists'] })
  stale(@Query() query: Members): object {
    return { run: ++runs, query };
  }

  @Get('headers')
  @CachedResponse({ ttl: '1m', headers: ['Accept-Language'] })
  headers(@Headers() headers: Members): object {
    return { run: ++runs, headers };
  }

  @Get('mine')
  @CachedResponse({ ttl: '1m', headers: [], principal: ({ headers }: Asking) => String(headers['authorization']) })
  mine(@Headers() headers: Members): object {
    return { run: ++runs, headers };
  }

  @Get('keyed')
  @CachedResponse({ ttl: '1m', query: ['page'], keyedBy: ({ query }: Asking) => [String(query['lang'])] })
  keyed(@Query() query: Members, @Asked(({ query: { lang } }) => lang) lang: unknown): object {
    return { run: ++runs, query: { ...query }, lang };
  }

  @Get('tenants')
  @CachedResponse({
    ttl: '1m',
    headers: [],
    principal: ({ headers }: Asking) => String(headers['x-user']),
    keyedBy: ({ headers, hostname }: Asking & { hostname: string }) => [`${String(headers['x-tenant'])}`, hostname],
  })
  tenants(@Headers() headers: Members, @Asked(({ hostname }) => hostname) hostname: unknown): object {
    return { run: ++runs, user: headers['x-user'], tenant: headers['x-tenant'], evil: headers['x-evil'], hostname };
  }

  /** Its key is made of a copy, and of one header that is read by itself. */
  @Get('copied/:way')
  @CachedResponse({
    ttl: '1m',
    headers: [],
    principal: ({ headers }: Asking) => String(headers['x-user']),
    keyedBy: ({ headers, params: { way } }: Asking & { params: { way: string } }) => [copies[way]?.(headers)],
  })
  copied(@Param('way') _: string, @Headers() headers: Members): object {
    return { run: ++runs, user: headers['x-user'], evil: headers['x-evil'] };
  }

  @Get('looped')
  @CachedResponse({
    ttl: '1m',
    headers: [],
    principal: 'anyone',
    keyedBy: ({ headers }: Asking) => {
      for (const name in headers) if (name.toLowerCase() === 'x-tenant') return [String(headers[name])];
      return [];
    },
  })
  looped(@Headers() headers: Members): object {
    return { run: ++runs, tenant: headers['x-tenant'], evil: headers['x-evil'] };
  }

  @Get('filled')
  @CachedResponse({
    ttl: '1m',
    query: [],
    headers: [],
    principal: 'anyone',
    fill: ({ query, headers }: Asking) => ({ 2: () => JSON.stringify([query['name'], headers['x-name']]) }),
  })
  filled(@Query() query: Members, @Headers() headers: Members): SplicedDocument {
    return compileSpliced({ query: { ...query }, headers: { ...headers }, of: hole(2) });
  }
}

/** What names no header although it has all of them. */
const copies: Readonly<Record<string, (headers: Members) => string>> = {
  spread: (headers) => String({ ...headers }['x-tenant']),
  most: ({ host: _, ...others }) => String(others['x-tenant']),
  rest: ({ ...all }) => String(all['x-tenant']),
  entries: (headers) => String(new Map(Object.entries(headers)).get('x-tenant')),
  headers: (headers) => String(new globalThis.Headers(headers as Record<string, string>).get('x-tenant')),
  json: (headers) => String((JSON.parse(JSON.stringify(headers)) as Members)['x-tenant']),
  names: (headers) => String(Object.keys(headers).includes('x-tenant')),
};

/** As a ValidationPipe with `forbidNonWhitelisted`, for all handlers. */
const refusesOthers: PipeTransform = {
  transform(value: unknown, { type, data }: ArgumentMetadata): unknown {
    const isWhole = type === 'query' && data === undefined;
    if (isWhole && Object.keys(value as object).some((name) => name !== 'page')) throw new BadRequestException();
    return value;
  },
};

@Controller({ host: '127.0.0.1' })
class OneHost {
  @Get('host')
  @CachedResponse({ ttl: '1m', headers: [], keyedBy: () => [] })
  host(@Headers() headers: Members, @Asked(({ hostname }) => hostname) hostname: unknown): object {
    return { run: ++runs, evil: headers['x-evil'], hostname };
  }
}

describe.each(platforms)('A handler that takes the whole query or all headers, on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const open = async (prepare?: (app: INestApplication) => void) => {
    runs = 0;
    app = await listen(platform, { imports: [cacheModule()], controllers: [Lists, OneHost] }, prepare);
    const url = await app.getUrl();
    return (path: string, headers?: Record<string, string>) => ask(`${url}/${path}`, headers);
  };
  const json = ({ text }: { readonly text: string }): unknown => JSON.parse(text);

  it('is given of the query what is in the key: nobody chooses the answer of others', async () => {
    const read = await open();
    expect(json(await read('list?page=1&sort=evil'))).toEqual({ run: 1, query: { page: '1' } });
    expect(json(await read('list?page=1'))).toEqual({ run: 1, query: { page: '1' } });
    expect(json(await read('list?filter=a&filter=b&__proto__=c'))).toEqual({ run: 2, query: { filter: ['a', 'b'] } });
    expect(json(await read('list'))).toEqual({ run: 3, query: {} });
  });

  it('is given of the headers what is in the key', async () => {
    const read = await open();
    const headers = { 'accept-language': 'en' };
    expect(json(await read('headers', { ...headers, 'x-evil': '1' }))).toEqual({ run: 1, headers });
    expect(json(await read('headers', headers))).toEqual({ run: 1, headers });
  });

  it('is given the credentials where a function says whose the answer is', async () => {
    const read = await open();
    const headers = { authorization: 'Bearer a', cookie: 'id=1' };
    expect(json(await read('mine', { ...headers, 'x-evil': '1' }))).toEqual({ run: 1, headers });
  });

  it('is given what keyedBy and the principal are made of, and so is whatever reads the request', async () => {
    const read = await open();
    expect(json(await read('keyed?page=1&lang=de&sort=evil'))).toEqual({
      ...{ run: 1, query: { page: '1', lang: 'de' }, lang: 'de' },
    });
    expect(json(await read('keyed?page=1&lang=de'))).toMatchObject({ run: 1, lang: 'de' });
    expect(json(await read('keyed?page=1&lang=en'))).toMatchObject({ run: 2, lang: 'en' });
    const headers = { 'x-user': 'ann', 'x-tenant': 'a' };
    const answer = { run: 3, user: 'ann', tenant: 'a', hostname: '127.0.0.1' };
    expect(json(await read('tenants', { ...headers, 'x-evil': '1' }))).toEqual(answer);
    expect(json(await read('tenants', headers))).toEqual(answer);
    expect(json(await read('host', { 'x-evil': '1' }))).toEqual({ run: 4, hostname: '127.0.0.1' });
  });

  it.each(Object.keys(copies))(
    'is given no header for a copy or list of all that the key is made of: %s',
    async (way) => {
      const read = await open();
      const headers = { 'x-user': 'ann', 'x-tenant': 'a' };
      const answer = { run: 1, user: 'ann' };
      expect(json(await read(`copied/${way}`, { ...headers, 'x-evil': '1' }))).toEqual(answer);
      expect(json(await read(`copied/${way}`, headers))).toEqual(answer);
    },
  );

  it.each([0, 1, 2, 3])('is given the header that a loop looks for, where %i others come before it', async (before) => {
    await open();
    const { hostname, port } = new URL(await app.getUrl());
    const others: [string, string][] = [
      ['Host', `${hostname}:${port}`],
      ['X-Evil', '1'],
      ['Accept', '*/*'],
    ];
    const headers = Object.fromEntries(others.toSpliced(before, 0, ['X-Tenant', 'a']));
    const [response] = (await once(get({ hostname, port, path: '/looped', headers }), 'response')) as [IncomingMessage];
    expect(response.headers.vary?.toLowerCase()).toContain('x-tenant');
    expect(response.headers.vary?.toLowerCase()).not.toContain('x-evil');
    expect(json({ text: await text(response) })).toEqual({ run: 1, tenant: 'a' });
  });

  it('no pipe and no interceptor sees more: nobody takes the stale answer of others back', async () => {
    const seen: unknown[] = [];
    const intercept = (context: ExecutionContext, next: CallHandler): Observable<unknown> => {
      seen.push({ ...context.switchToHttp().getRequest<Asking>().query });
      return next.handle();
    };
    const read = await open((one) => one.useGlobalPipes(refusesOthers).useGlobalInterceptors({ intercept }));
    expect(json(await read('stale?page=1'))).toMatchObject({ run: 1 });
    await app.get(TieredCache).expireTags('lists');
    expect(json(await read('stale?page=1&x=1'))).toMatchObject({ run: 1 });
    await eventually(async () => expect(json(await read('stale?page=1'))).toMatchObject({ run: 2 }));
    expect(runs).toBe(2);
    expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set(['{"page":"1"}']));
  });

  it('fillers and what comes after the run see all of the request', async () => {
    const read = await open();
    const headers = { 'x-name': 'b' };
    const text = JSON.stringify({ query: {}, headers: {}, of: JSON.stringify(['a', 'b']) });
    expect((await read('filled?name=a', headers)).text).toBe(text);
    expect((await read('filled?name=a', headers)).text).toBe(text);
  });

  it('is given all where its answers are nobody else’s', async () => {
    const read = await open();
    const around = await read('list?page=1&sort=mine', { authorization: 'Bearer a' });
    expect([json(around), around.header['cache-status']]).toEqual([
      { run: 1, query: { page: '1', sort: 'mine' } },
      'tiered-cache; fwd=bypass; detail=credentials',
    ]);
  });
});
