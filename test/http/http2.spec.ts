import { connect } from 'node:http2';
import type { Http2ServerResponse, IncomingHttpHeaders } from 'node:http2';
import { Controller, Get, Header } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CachedResponse } from '../../src/http/cached-response.js';
import { cacheModule } from '../support/nest-application.js';

let runs = 0;

@Controller()
class Answers {
  @Get('open')
  @CachedResponse({ ttl: '1m' })
  open(): object {
    return { run: ++runs };
  }

  @Get('bypassed')
  @Header('Cache-Control', 'public, max-age=60')
  @CachedResponse({ ttl: '1m' })
  bypassed(): object {
    return { run: ++runs };
  }
}

/** What is used of Fastify. */
interface Reply {
  readonly raw: Http2ServerResponse;
  header(name: string, value: string): unknown;
}
type Hook = (request: unknown, reply: Reply, payload: unknown) => Promise<unknown>;
interface Hooks {
  addHook(name: string, hook: Hook): void;
}

/** All headers of an answer over HTTP/2. */
function askByHttp2(url: string, path: string, headers: Record<string, string> = {}): Promise<IncomingHttpHeaders> {
  const session = connect(url);
  return new Promise<IncomingHttpHeaders>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':path': `/${path}`, ...headers });
    stream.once('error', reject);
    stream.once('response', (answered) => stream.once('close', () => resolve(answered)).resume());
  }).finally(() => session.destroy());
}

describe('An answer of @CachedResponse over HTTP/2', () => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const open = async (name?: string, hook?: Hook): Promise<string> => {
    runs = 0;
    const module = await Test.createTestingModule({ imports: [cacheModule()], controllers: [Answers] }).compile();
    app = module.createNestApplication(new FastifyAdapter({ http2: true }) as never);
    if (name !== undefined && hook) (app.getHttpAdapter().getInstance() as Hooks).addHook(name, hook);
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  };

  it('is made once, and answered with 304 where its client has it', async () => {
    const url = await open();
    const first = await askByHttp2(url, 'open');
    expect(first).toMatchObject({ ':status': 200, 'cache-control': 'public, max-age=60' });
    const second = await askByHttp2(url, 'open', { 'if-none-match': first.etag ?? '' });
    expect(second[':status']).toBe(304);
    expect(runs).toBe(1);
  });

  it.each<[string, string, Hook]>([
    [
      'in an onSend hook',
      'onSend',
      async (_request, reply, payload) => {
        reply.header('Set-Cookie', 'session=1');
        return payload;
      },
    ],
    [
      'when the headers are written',
      'onRequest',
      async (_request, { raw }) => {
        const writeHead = raw.writeHead.bind(raw) as (...args: unknown[]) => Http2ServerResponse;
        raw.writeHead = (...args: unknown[]) => {
          raw.setHeader('Set-Cookie', 'session=1');
          return writeHead(...args);
        };
      },
    ],
  ])('is private beside a cookie of middleware, set %s', async (_, name, hook) => {
    const url = await open(name, hook);
    for (const path of ['open', 'open', 'bypassed']) {
      const headers = await askByHttp2(url, path);
      expect([headers['set-cookie'], headers['cache-control']]).toEqual([['session=1'], 'private, max-age=60']);
    }
  });

  it('has a weak entity tag where a hook has encoded it', async () => {
    const url = await open('onSend', async (_request, reply, payload) => {
      reply.header('Content-Encoding', 'identity');
      return payload;
    });
    for (const _turn of [1, 2]) expect((await askByHttp2(url, 'open')).etag).toMatch(/^W\/"/);
  });
});
