import { Catch, Controller, Get, Res } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter, INestApplication } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { CachedResponse } from '../../src/http/cached-response.js';
import type { CachedResponseOptions } from '../../src/http/cached-response-options.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

type Raw = ServerResponse & { readonly req: IncomingMessage };

type OfMiddleware = ServerResponse & { readonly locals?: { readonly audit?: string } };

/** What is used of a response of Express and a reply of Fastify. */
interface PlatformResponse {
  statusCode: number;
  readonly locals: { tenant?: string; audit?: string };
  readonly req: IncomingMessage;
  readonly request: IncomingMessage;
  readonly raw?: Raw;
  readonly constructor: { readonly name: string };
  status(code: number): this;
  header(name: string, value: string): this;
  getHeader(name: string): unknown;
  getHeaders(): Readonly<Record<string, unknown>>;
  hasHeader(name: string): boolean;
  get?(name: string): unknown;
  append?(name: string, value: string): this;
  cookie(name: string, value: string, options: { readonly signed: boolean }): this;
}

/** What middleware has found out, and the handler reads of the response. */
const waysBack: Record<string, (response: PlatformResponse) => unknown> = {
  locals: (response) => response.locals.tenant,
  'locals after a call': (response) => response.status(200).header('Content-Language', 'la').locals.tenant,
  'the request of Express': ({ req }) => req.headers['x-tenant'],
  'the request of Fastify': ({ request }) => request.headers['x-tenant'],
  'the raw request': ({ raw }) => raw?.req.headers['x-tenant'],
  'a header': (response) => response.getHeader('X-Tenant'),
  'a header of all': (response) => response.getHeaders()['x-tenant'],
  'a header of Express': (response) => response.get?.('X-Tenant'),
  'a header of the raw response': ({ raw }) => raw?.getHeader('X-Tenant'),
};
const ofPlatform = {
  Express: ['locals', 'locals after a call', 'the request of Express', 'a header of Express'],
  Fastify: ['the request of Fastify', 'the raw request', 'a header of the raw response'],
};
const waysOf = (platform: keyof typeof ofPlatform) => [...ofPlatform[platform], 'a header', 'a header of all'];

let heard: string[] = [];
let audits: unknown[] = [];
let runs = 0;

const tenantsOf = (path: string, options: CachedResponseOptions) => {
  @Controller(path)
  class Tenants {
    @Get('answers')
    @CachedResponse(options)
    async answers(@Res({ passthrough: true }) response: PlatformResponse): Promise<object> {
      const raw = response.raw ?? (response as unknown as ServerResponse);
      const isNodes = raw instanceof ServerResponse && raw.listenerCount('close') >= 0;
      void once(raw, 'close').then(() => heard.push('close'));
      response.statusCode = 200;
      return { run: ++runs, isNodes, of: response.constructor.name, sent: raw.headersSent };
    }

    @Get('signed')
    @CachedResponse(options)
    signed(@Res({ passthrough: true }) response: PlatformResponse): object {
      response.cookie('id', 'ada', { signed: true });
      return {};
    }

    @Get('audited')
    @CachedResponse(options)
    audited(@Res({ passthrough: true }) response: PlatformResponse): object {
      response.locals.audit = 'read';
      return {};
    }

    @Get('listed')
    @CachedResponse(options)
    listed(@Res({ passthrough: true }) response: PlatformResponse): object {
      return { all: { ...response.getHeaders() } };
    }

    @Get('asked')
    @CachedResponse(options)
    asked(@Res({ passthrough: true }) response: PlatformResponse): object {
      return { has: response.hasHeader('X-Tenant') };
    }

    @Get('headers')
    @CachedResponse(options)
    headers(@Res({ passthrough: true }) response: PlatformResponse): object {
      response.header('Content-Language', 'la').header('X-Tenant', 'all');
      response.append?.('Link', '</style.css>; rel=preload');
      return ['Content-Language', 'X-Tenant', 'Vary', 'ETag'].map((name) => response.getHeader(name) ?? null);
    }

    @Get(':way')
    @CachedResponse(options)
    read(@Res({ passthrough: true }) response: PlatformResponse): object {
      return { tenant: waysBack[way]?.(response) };
    }
  }
  return Tenants;
};

let way = '';

@Catch(InvalidOptionError)
class TellsMessage implements ExceptionFilter {
  catch({ message }: Error, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: string): void } }>();
    response.status(500).send(message);
  }
}

describe.each(platforms)('@Res({ passthrough: true }) of a cached route on %s', (platform) => {
  let app: INestApplication;
  let asTenant: (tenant: string, path: string) => ReturnType<typeof ask>;
  beforeEach(async () => {
    runs = 0;
    heard = [];
    audits = [];
    app = await listen(
      platform,
      {
        imports: [cacheModule()],
        controllers: [
          tenantsOf('open', {}),
          tenantsOf('keyed', { keyedBy: ({ headers }: IncomingMessage) => [String(headers['x-tenant'])] }),
          tenantsOf('named', { principal: ({ headers }: IncomingMessage) => String(headers['x-tenant']) }),
        ],
        providers: [{ provide: APP_FILTER, useClass: TellsMessage }],
      },
      (one) =>
        one.use((request: Raw & { secret?: string }, response: OfMiddleware, next: () => void) => {
          const { headers } = request as unknown as IncomingMessage;
          if (response.locals) Object.assign(response.locals, { tenant: headers['x-tenant'] });
          response.setHeader('X-Tenant', String(headers['x-tenant']));
          response.setHeader('Vary', 'Origin');
          response.setHeader('Link', `</${String(headers['x-tenant'])}>; rel=preload`);
          response.once('finish', () => audits.push(response.locals?.audit));
          request.secret = 'secret';
          next();
        }),
    );
    const url = await app.getUrl();
    asTenant = (tenant, path) => ask(`${url}/${path}`, { 'x-tenant': tenant });
  });
  afterEach(() => app.close());

  it.each(waysOf(platform))('gives nothing away that is not in the key: %s', async (name) => {
    way = name;
    for (const tenant of ['a', 'b']) {
      const { status, text } = await asTenant(tenant, `open/${encodeURIComponent(name)}`);
      expect([status, text]).toEqual([
        500,
        expect.stringMatching(
          /^@CachedResponse: Tenants\.read reads (locals|req|request|the header x-tenant) of the response.*keyedBy/i,
        ),
      ]);
    }
  });

  it.each(waysOf(platform))('gives all where keyedBy or principal covers it: %s', async (name) => {
    way = name;
    for (const route of ['keyed', 'named']) {
      for (const tenant of ['a', 'b', 'a']) {
        const { text } = await asTenant(tenant, `${route}/${encodeURIComponent(name)}`);
        expect([route, text]).toEqual([route, `{"tenant":"${tenant}"}`]);
      }
    }
  });

  it('is a response of the platform in all else, and tells its end', async () => {
    const { text, status } = await asTenant('a', 'open/answers');
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { run: 1, isNodes: true, of: platform === 'Express' ? 'ServerResponse' : expect.any(String), sent: false },
    ]);
    expect(heard).toEqual(['close']);
    expect((await asTenant('b', 'open/answers')).text).toBe(text);
  });

  it('lists and has no header of middleware', async () => {
    const { text } = await asTenant('a', 'open/listed');
    expect(JSON.parse(text)).toEqual({ all: { vary: 'Origin' } });
    expect(await asTenant('a', 'open/asked')).toMatchObject({ status: 500 });
  });

  it('shows the headers that the handler has set, and Vary', async () => {
    const { status, text, header } = await asTenant('a', 'open/headers');
    expect([status, JSON.parse(text)]).toEqual([200, ['la', 'all', 'Origin', null]]);
    if (platform === 'Express') expect(header['link']).toBe('</a>; rel=preload, </style.css>; rel=preload');
  });

  if (platform === 'Express') {
    it('takes what the handler leaves in locals to middleware, of the request that has run it alone', async () => {
      expect((await asTenant('a', 'open/audited')).status).toBe(200);
      await eventually(() => expect(audits).toEqual(['read']));
      expect((await asTenant('b', 'open/audited')).status).toBe(200);
      await eventually(() => expect(audits).toEqual(['read', undefined]));
    });

    it.each([
      ['open', 'is not kept', 'unkept:extended'],
      ['keyed', 'is kept under its key', 'stored; detail=absent'],
    ])('that adds to a header of middleware, %s: its answer %s', async (route, _, detail) => {
      for (const tenant of ['a', 'b']) {
        const { header } = await asTenant(tenant, `${route}/headers`);
        expect(header['link']).toBe(`</${tenant}>; rel=preload, </style.css>; rel=preload`);
        expect(header['cache-status']).toContain(detail);
      }
    });

    it('signs a cookie, with the secret that the request has', async () => {
      expect((await asTenant('a', 'open/signed')).header['set-cookie']).toMatch(/^id=s%3Aada\./);
    });
  }
});
