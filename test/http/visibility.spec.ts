import { ServerResponse } from 'node:http';
import { Controller, Get, Header, NotFoundException, Res, UseGuards } from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication, ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CachedResponse } from '../../src/http/cached-response.js';
import { whenHeadersGo } from '../../src/http/headers-to-go.js';
import { ReadHeaders } from '../../src/http/read-headers.js';
import { keepCookiesPrivate } from '../../src/http/visibility.js';
import { ask } from '../support/ask.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

let runs = 0;
type WithHeaders = { headers: Record<string, string | undefined> };
type WithName = WithHeaders & { readonly query: { readonly name: string } };
interface Passthrough {
  setCookie?(name: string, value: string): unknown;
  header(name: string, value: string): unknown;
}

/** All ways to list and to copy, and one header after them. */
function listed({ headers }: WithHeaders): readonly (string | number | undefined)[] {
  const { host, ...rest } = headers;
  const names: string[] = [];
  for (const name in headers) names.push(`${name} ${headers[name]}`);
  for (const name of Object.keys(headers)) names.push(`${name} ${headers[name]}`);
  const copies = [rest, Object.assign({}, headers), Object.fromEntries(Object.entries(headers))];
  return [host, names.length, JSON.stringify(copies).length, JSON.stringify(headers), headers['x-tenant']];
}

class KnowsKeys implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<WithHeaders>().headers['x-api-key'] !== undefined;
  }
}
class LetsAllIn implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Controller()
class Answers {
  @Get('open')
  @CachedResponse({ ttl: '1m' })
  open(): object {
    return { run: ++runs };
  }

  @Get('anyone')
  @CachedResponse({ ttl: '1m', principal: 'anyone' })
  anyone(): object {
    return { run: ++runs };
  }

  @Get('public')
  @UseGuards(KnowsKeys)
  @CachedResponse({ ttl: '1m', principal: 'anyone', public: true })
  public(): object {
    return { run: ++runs };
  }

  @Get('guarded')
  @UseGuards(KnowsKeys)
  @CachedResponse({ ttl: '1m' })
  guarded(): object {
    return { run: ++runs };
  }

  @Get('guarded-anyone')
  @UseGuards(KnowsKeys)
  @CachedResponse({ ttl: '1m', principal: 'anyone' })
  guardedAnyone(): object {
    return { run: ++runs };
  }

  @Get('keyed')
  @UseGuards(KnowsKeys)
  @CachedResponse({ ttl: '1m', keyedBy: ({ headers }: WithHeaders) => [headers['x-api-key']] })
  keyed(): object {
    return { run: ++runs };
  }

  @Get('keyed-anyone')
  @UseGuards(KnowsKeys)
  @CachedResponse({ ttl: '1m', principal: 'anyone', keyedBy: ({ headers }: WithHeaders) => [headers['x-api-key']] })
  keyedAnyone(): object {
    return { run: ++runs };
  }

  @Get('principal')
  @CachedResponse({ ttl: '1m', principal: ({ headers }: WithHeaders) => headers['x-user'] ?? null })
  principal(): object {
    return { run: ++runs };
  }

  /** Nobody's where no tenant is named. */
  @Get('undecided')
  @CachedResponse({
    ttl: '1m',
    principal: ({ headers }: WithHeaders) => ('x-tenant' in headers ? (headers['x-user'] ?? null) : undefined),
  })
  undecided(): object {
    return { run: ++runs };
  }

  @Get('copies')
  @CachedResponse({ ttl: '1m', keyedBy: ({ headers }: WithHeaders) => [headers['x-tenant'], { ...headers }['x-user']] })
  copies(): object {
    return { run: ++runs };
  }

  @Get('copies-first')
  @CachedResponse({ ttl: '1m', keyedBy: ({ headers }: WithHeaders) => [{ ...headers }['x-user'], headers['x-tenant']] })
  copiesFirst(): object {
    return { run: ++runs };
  }

  @Get('lists')
  @CachedResponse({ ttl: '1m', keyedBy: listed })
  lists(): object {
    return { run: ++runs };
  }

  @Get('asks-twice')
  @CachedResponse({
    ttl: '1m',
    keyedBy: ({ headers }: WithHeaders) => [Object.keys(headers).length, headers['x-user'], headers['x-tenant']],
  })
  asksTwice(): object {
    return { run: ++runs };
  }

  @Get('named')
  @CachedResponse({ ttl: '1m', keyedBy: ({ headers, query }: WithName) => [headers[query.name]] })
  named(): object {
    return { run: ++runs };
  }

  @Get('fails')
  @CachedResponse({ ttl: '1m', principal: ({ headers }: WithHeaders) => headers['x-user'] ?? null })
  fails(): never {
    throw new NotFoundException();
  }

  @Get('says-public')
  @Header('Cache-Control', 'public, max-age=60, s-maxage=90')
  @CachedResponse({ ttl: '1m', principal: ({ headers }: WithHeaders) => headers['x-user'] ?? null })
  saysPublic(): object {
    return { run: ++runs };
  }

  @Get('says-private-of-fields')
  @Header('Cache-Control', 'public, max-age=60, private="X-Name, X-Id"')
  @CachedResponse({ ttl: '1m', principal: ({ headers }: WithHeaders) => headers['x-user'] ?? null })
  saysPrivateOfFields(): object {
    return { run: ++runs };
  }

  @Get('expires')
  @CachedResponse({ ttl: '1m', staleFor: '1m' })
  expires(@Res({ passthrough: true }) response: Passthrough): object {
    response.header('Expires', '0');
    return { run: ++runs };
  }

  @Get('expires-for-one')
  @Header('Expires', '0')
  @CachedResponse({ ttl: '1m', principal: ({ headers }: WithHeaders) => headers['x-user'] ?? null })
  expiresForOne(): object {
    return { run: ++runs };
  }

  @Get('expires-asked')
  @Header('Expires', '0')
  @CachedResponse({ ttl: '1m', cacheControl: 'no-cache' })
  expiresAsked(): object {
    return { run: ++runs };
  }

  @Get('bypassed-public')
  @Header('Cache-Control', 'public, max-age=60')
  @CachedResponse({ ttl: '1m' })
  bypassedPublic(): object {
    return { run: ++runs };
  }

  @Get('varies')
  @CachedResponse({ ttl: '1m' })
  varies(@Res({ passthrough: true }) response: Passthrough): object {
    response.header('Vary', 'Accept-Language');
    return { run: ++runs };
  }

  @Get('varies-keyed')
  @CachedResponse({ ttl: '1m', headers: ['Accept-Language'] })
  variesKeyed(@Res({ passthrough: true }) response: Passthrough): object {
    response.header('Vary', 'accept-language');
    return { run: ++runs };
  }

  @Get('collects')
  @CachedResponse({ ttl: '1m' })
  collects(@Res({ passthrough: true }) response: Passthrough): object {
    response.setCookie?.('id', '1');
    return { run: ++runs };
  }

  @Get('ids')
  @CachedResponse({ ttl: '1m', keepHeaders: ['X-Total'] })
  ids(@Res({ passthrough: true }) response: Passthrough): object {
    response.header('X-Request-Id', `${runs + 1}`);
    response.header('X-Total', '42');
    response.header('Link', '</next>; rel="next"');
    response.header('Last-Modified', 'Thu, 01 Jan 1970 00:00:00 GMT');
    return { run: ++runs };
  }
}

describe.each(platforms)('What caches on the way are told, on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const open = async (
    providers: ModuleMetadata['providers'] = [],
    prepare?: (app: INestApplication) => void,
  ): Promise<(path: string, headers?: Record<string, string>) => ReturnType<typeof ask>> => {
    runs = 0;
    app = await listen(platform, { imports: [cacheModule()], controllers: [Answers], providers }, prepare);
    const url = await app.getUrl();
    return (path, headers) => ask(`${url}/${path}`, headers);
  };

  const key = { 'x-api-key': 'one' };
  const rules: [path: string, headers: Record<string, string>, control: string][] = [
    ['open', {}, 'public, max-age=60'],
    ['open', { authorization: 'Bearer a' }, 'private, no-store'],
    ['open', { cookie: 'id=1' }, 'private, no-store'],
    ['anyone', {}, 'public, max-age=60'],
    ['anyone', { authorization: 'Bearer a' }, 'private, max-age=60'],
    ['anyone', { cookie: 'id=1' }, 'private, max-age=60'],
    ['guarded', key, 'private, no-store'],
    ['guarded-anyone', key, 'private, max-age=60'],
    ['public', { ...key, authorization: 'Bearer a' }, 'public, max-age=60'],
    ['keyed', key, 'private, max-age=60'],
    ['keyed', { ...key, authorization: 'Bearer a' }, 'private, no-store'],
    ['keyed-anyone', { ...key, authorization: 'Bearer a' }, 'private, max-age=60'],
    ['principal', { 'x-user': 'ada' }, 'private, max-age=60'],
    ['principal', {}, 'private, max-age=60'],
    ['says-public', { 'x-user': 'ada' }, 'private, max-age=60'],
    ['says-private-of-fields', { 'x-user': 'ada' }, 'private, max-age=60, private="X-Name, X-Id"'],
    ['expires', {}, 'public'],
    ['expires-for-one', { 'x-user': 'ada' }, 'private'],
    ['expires-asked', {}, 'public, no-cache'],
    ['bypassed-public', {}, 'public, max-age=60'],
    ['bypassed-public', { authorization: 'Bearer a' }, 'private, max-age=60'],
  ];

  it.each(rules)('%s with %p: %s', async (path, headers, control) => {
    const read = await open();
    for (const _turn of [1, 2]) {
      const { status, header } = await read(path, headers);
      expect([status, header['cache-control']]).toEqual([200, control]);
    }
  });

  it('leaves the end of an answer to its Expires, which a max-age would make void', async () => {
    const read = await open();
    for (const path of ['expires', 'expires-for-one', 'expires-asked']) {
      for (const _turn of [1, 2]) expect((await read(path)).header['expires']).toBe('0');
    }
    expect(runs).toBe(3);
  });

  it('keeps nothing behind a guard of the whole application while nobody says whose it is', async () => {
    const read = await open([{ provide: APP_GUARD, useClass: LetsAllIn }]);
    for (const turn of [1, 2]) {
      const { text, header } = await read('open');
      expect([text, header['cache-control']]).toEqual([`{"run":${turn}}`, 'private, no-store']);
    }
    expect((await read('anyone')).text).toBe((await read('anyone')).text);
  });

  it('warns at the start of each route behind a guard for which nobody said who asks', async () => {
    const warnings: string[] = [];
    const quiet = (): void => {};
    const warn = (message: string): void => void warnings.push(message);
    await open([], (made) => made.useLogger({ log: quiet, error: quiet, warn }));
    expect(warnings).toEqual([
      expect.stringMatching(/^Answers\.guarded stands behind a guard.*: none is kept\. Give the option principal: /),
      expect.stringMatching(/^Answers\.keyed stands behind a guard.*keyedBy.*credentials.*Give the option principal: /),
    ]);
    expect(warnings[0]).not.toContain('keyedBy');
  });

  const varied: [path: string, headers: Record<string, string>, vary: string][] = [
    ['open', {}, 'Authorization, Cookie'],
    ['keyed', key, 'Authorization, Cookie, x-api-key'],
    ['keyed', { ...key, authorization: 'Bearer a' }, 'Authorization, Cookie'],
    ['keyed-anyone', { ...key, authorization: 'Bearer a' }, 'x-api-key'],
    ['principal', { 'x-user': 'ada' }, 'Authorization, Cookie, x-user'],
    ['principal', {}, 'Authorization, Cookie, x-user'],
    ['undecided', {}, 'Authorization, Cookie, x-tenant'],
    ['undecided', { 'x-tenant': 'a', 'x-user': 'ada' }, 'Authorization, Cookie, x-tenant, x-user'],
    ['undecided', { 'x-tenant': 'a' }, 'Authorization, Cookie, x-tenant, x-user'],
    ['copies', { 'x-user': 'ada' }, 'Authorization, Cookie, x-tenant'],
    ['copies-first', { 'x-user': 'ada' }, 'Authorization, Cookie, x-tenant'],
    ['lists', { 'x-user': 'ada', 'x-tenant': 'a' }, 'Authorization, Cookie, x-tenant'],
    ['asks-twice', { 'x-user': 'ada', 'x-tenant': 'a' }, 'Authorization, Cookie, x-user, x-tenant'],
    ['fails', { 'x-user': 'ada' }, 'Authorization, Cookie, x-user'],
  ];

  it.each(varied)(
    '%s with %p varies by the headers that keyedBy and the principal are made of: %s',
    async (path, headers, vary) => {
      const read = await open();
      for (const _turn of [1, 2]) expect((await read(path, headers)).header['vary']).toBe(vary);
    },
  );

  it.each([
    ['x-b', 'Authorization, Cookie, x-b'],
    ...['€', 'ü', 'a b', 'x,y', '*', ''].map((name): [string, string] => [name, 'Authorization, Cookie']),
  ])('varies by a name that the request gives only where a header can have it: %p', async (name, vary) => {
    const read = await open();
    const { status, header } = await read(`named?name=${encodeURIComponent(name)}`);
    expect([status, header['vary']]).toEqual([200, vary]);
  });

  it('keeps callers apart whom keyedBy tells apart', async () => {
    const read = await open();
    expect((await read('keyed', key)).text).toBe('{"run":1}');
    expect((await read('keyed', { 'x-api-key': 'two' })).text).toBe('{"run":2}');
    expect((await read('keyed', key)).text).toBe('{"run":1}');
    expect((await read('keyed')).status).toBe(403);
  });

  it('keeps no answer of a handler that varies by what is not in the key, and says by what', async () => {
    const read = await open();
    for (const turn of [1, 2]) {
      const { text, header } = await read('varies', { 'accept-language': turn === 1 ? 'en' : 'de' });
      expect(text).toBe(`{"run":${turn}}`);
      expect(header['vary']).toBe('Accept-Language, Authorization, Cookie');
      expect(header['cache-control']).toBeUndefined();
    }
    for (const _turn of [1, 2])
      expect((await read('varies-keyed', { 'accept-language': 'en' })).text).toBe('{"run":3}');
    expect((await read('varies-keyed', { 'accept-language': 'de' })).text).toBe('{"run":4}');
  });

  it('repeats the headers that describe the answer and those that are named, and no others', async () => {
    const read = await open();
    const first = await read('ids');
    expect(first.header).toMatchObject({ 'x-request-id': '1', 'x-total': '42' });
    const second = await read('ids');
    expect(second.header).toMatchObject({
      'x-total': '42',
      link: '</next>; rel="next"',
      'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
    });
    expect(second.header['x-request-id']).toBeUndefined();
    expect(runs).toBe(1);
  });

  // As the package `cookies` does it, whatever stands on the response itself.
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on a response
  const { setHeader } = ServerResponse.prototype;

  /** A cookie that session middleware sets: at once, or when the headers are written. */
  const cookies: Record<string, (app: INestApplication) => void> = {
    'at once': (one) => {
      one.use((_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
        response.setHeader('Set-Cookie', 'session=1');
        next();
      });
    },
    'when the headers are written': (one) => {
      one.use((_: unknown, response: Writes, next: () => void) => {
        const writeHead = response.writeHead.bind(response);
        response.writeHead = (...args) => {
          setHeader.call(response, 'Set-Cookie', 'session=1');
          return writeHead(...args);
        };
        next();
      });
    },
    ...(platform === 'Fastify' && {
      'in an onSend hook': (one: INestApplication) => {
        const fastify = one.getHttpAdapter().getInstance() as Sends;
        fastify.addHook('onSend', async (_request, reply, payload) => {
          reply.header('Set-Cookie', 'session=1');
          return payload;
        });
      },
    }),
  };

  it.each(Object.keys(cookies))('is private beside a cookie of middleware, set %s', async (name) => {
    const read = await open([], cookies[name]);
    for (const path of ['open', 'anyone', 'bypassed-public', 'says-public']) {
      for (const _turn of [1, 2]) {
        const { header } = await read(path);
        expect([path, header['set-cookie'], header['cache-control']]).toEqual([
          path,
          'session=1',
          'private, max-age=60',
        ]);
      }
    }
  });

  if (platform === 'Fastify') {
    it('varies by the headers that keyedBy is made of where a hook has added to those of the request', async () => {
      const read = await open([], (one) => {
        const fastify = one.getHttpAdapter().getInstance() as Sends;
        fastify.addHook('onRequest', async (request) => {
          request.headers = { ...request.headers, 'x-country': 'it' };
        });
      });
      const { header } = await read('keyed', key);
      expect(header['vary']).toBe('Authorization, Cookie, x-api-key');
    });

    it('keeps no answer whose cookie is collected beside the reply, as @fastify/cookie does', async () => {
      const read = await open([], (one) => {
        const fastify = one.getHttpAdapter().getInstance() as Sends;
        fastify.decorateReply('setCookie', function (this: object) {
          Reflect.set(this, 'collected', 'id=1');
        });
      });
      for (const turn of [1, 2]) expect((await read('collects')).text).toBe(`{"run":${turn}}`);
    });
  }
});

interface Writes extends ServerResponse {
  writeHead(...args: unknown[]): this;
}
interface Sends {
  decorateReply(name: string, value: unknown): void;
  addHook(
    name: string,
    hook: (
      request: WithHeaders,
      reply: { header(name: string, value: string): void },
      payload: unknown,
    ) => Promise<unknown>,
  ): void;
}

it.each(['x-first', 'x-between', 'x-last'])(
  'a header of a list is read by itself where it is the only one: %s',
  (name) => {
    const headers = { 'x-first': '1', 'x-between': '2', 'x-last': '3' };
    const request = { method: 'GET', headers };
    for (const list of [Object.keys, JSON.stringify]) {
      const read = new ReadHeaders(request);
      read.during(() => [list(request.headers), Reflect.get(request.headers, name) as unknown]);
      expect([...read.names]).toEqual([name]);
    }
  },
);

it('a response without the place where headers are written is left as it is', () => {
  const response = { writeHead: () => response };
  whenHeadersGo(response as never, keepCookiesPrivate);
  expect(Object.keys(response)).toEqual(['writeHead']);
});
