import { Readable } from 'node:stream';
import {
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Query,
  Req,
  Res,
  Session,
  StreamableFile,
} from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { compileSpliced } from '../../src/codec/spliced/compile-spliced.js';
import { hole } from '../../src/codec/spliced/hole.js';
import type { SplicedDocument } from '../../src/codec/spliced/spliced-document.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

let loads = 0;
let gate: Promise<void> | undefined;
class Course {
  constructor(readonly slug: string) {}
}
type WithUser = { headers: { authorization?: string } };
interface Passthrough {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

@Controller('courses')
class CoursesController {
  @Get('plain/:slug')
  @CachedResponse({
    ttl: '5m',
    staleFor: '1m',
    query: ['sort', 'page'],
    headers: ['Accept-Language'],
    tags: ['courses'],
  })
  async plain(
    @Param('slug') slug: string,
    @Query('page') page?: string,
    @Query('sort') sort?: string,
  ): Promise<object> {
    await gate;
    return { slug, page, sort, load: ++loads, text: 'ü✓' };
  }

  @Get('mine')
  @CachedResponse({ principal: ({ headers }: WithUser) => headers.authorization ?? null, cacheControl: 'no-cache' })
  mine(@Headers('authorization') who?: string): object {
    return { who, load: ++loads };
  }

  @Get('anyones')
  @CachedResponse({ principal: 'anyone', ttl: '10s' })
  anyones(): object {
    return { load: ++loads };
  }

  @Get('stale')
  @CachedResponse({ ttl: 400, staleFor: '1m', keepHeaders: ['X-Load'] })
  async stale(@Res({ passthrough: true }) response: Passthrough): Promise<object> {
    await gate;
    response.header('X-Load', `${++loads}`);
    return { load: loads };
  }

  @Get('text')
  @CachedResponse()
  text(): string {
    return `text ${++loads}`;
  }

  @Get('csv')
  @Header('Content-Type', 'text/csv; charset=utf-8')
  @CachedResponse({ keepHeaders: ['X-Rows'] })
  csv(@Res({ passthrough: true }) response: Passthrough): string {
    response.header('X-Rows', '2');
    return `a,b\n1,${++loads}\n`;
  }

  @Get('file/:bytes')
  @CachedResponse({ maxBodyBytes: 100_000 })
  file(@Param('bytes') bytes: string): StreamableFile {
    loads++;
    const chunks = Array.from({ length: Number(bytes) / 10_000 }, (_, index) => Buffer.alloc(10_000, index));
    return new StreamableFile(Readable.from(chunks), {
      type: 'image/png',
      disposition: 'attachment; filename="a.png"',
    });
  }

  @Get('spliced/:uid')
  @CachedResponse({ fill: ({ headers }: WithUser) => ({ 2: () => `"${headers.authorization}"` }), principal: 'anyone' })
  spliced(@Param('uid') uid: string): SplicedDocument {
    return compileSpliced({ uid, load: ++loads, jwt: hole(2) });
  }

  @Get('status/:code')
  @CachedResponse()
  status(@Param('code') code: string, @Res({ passthrough: true }) response: Passthrough): object {
    loads++;
    if (code === '404') throw new NotFoundException();
    if (code === 'cookie') response.header('Set-Cookie', `id=${loads}`);
    else if (code === 'no-store') response.header('Cache-Control', 'no-store');
    else response.status(Number(code));
    return { load: loads };
  }

  @Get('instance')
  @CachedResponse()
  instance(): object {
    return { course: new Course('a'), at: new Date(0) };
  }

  /** As a handler that spares the work for a body that nobody is sent. */
  @Get('bodiless')
  @CachedResponse({ keyedBy: () => [] })
  bodiless(@Req() request: { readonly method: string; readonly raw?: { readonly method: string } }): string {
    loads++;
    return request.method === 'HEAD' || request.raw?.method === 'HEAD' ? '' : 'whole';
  }

  @Post('post')
  @HttpCode(200)
  @CachedResponse()
  post(): object {
    return { load: ++loads };
  }
}

describe.each(platforms)('@CachedResponse on %s', (platform) => {
  let app: INestApplication;
  let url: string;
  afterEach(async () => {
    gate = undefined;
    await app?.close();
  });

  const open = async (options: Parameters<typeof cacheModule>[0] = {}): Promise<void> => {
    loads = 0;
    app = await listen(platform, { imports: [cacheModule(options)], controllers: [CoursesController] });
    url = `${await app.getUrl()}/courses/`;
  };
  const read = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const response = await fetch(url + path, { headers, method });
    const body = Buffer.from(await response.arrayBuffer());
    const header = Object.fromEntries(response.headers);
    return { status: response.status, header, body, text: body.toString('utf8') };
  };
  const json = async (path: string, headers: Record<string, string> = {}) =>
    JSON.parse((await read(path, headers)).text) as Record<string, unknown>;

  it('sends the stored bytes again, with what a client needs to know', async () => {
    await open();
    const first = await read('plain/a');
    expect(JSON.parse(first.text)).toEqual({ slug: 'a', load: 1, text: 'ü✓' });
    expect(first.header).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': `${first.body.length}`,
      'cache-control': 'public, max-age=300, stale-while-revalidate=60',
      age: '0',
      vary: 'Authorization, Cookie, Accept-Language',
    });
    expect(first.header['etag']).toMatch(/^"[\w-]{27}"$/);
    const { date: _1, 'cache-status': hit, ...again } = (await read('plain/a')).header;
    const { date: _2, 'cache-status': miss, ...before } = first.header;
    expect(miss).toMatch(/^tiered-cache; fwd=miss; fwd-status=200; ttl=\d+; stored; detail=absent$/);
    expect(hit).toMatch(/^tiered-cache; hit; ttl=\d+$/);
    expect(again).toEqual(before);
    expect(loads).toBe(1);
  });

  it('tells requests apart by route, chosen query parameters in any order, and chosen headers', async () => {
    await open();
    const loadOf = async (path: string, language = 'en') => (await json(path, { 'accept-language': language }))['load'];
    expect(await loadOf('plain/a?page=1&sort=x')).toBe(1);
    expect(await loadOf('plain/a?utm_source=mail&sort=x&page=1')).toBe(1);
    expect(await loadOf('plain/a?page=1&sort=x', 'de')).toBe(2);
    expect(await loadOf('plain/b?page=1&sort=x')).toBe(3);
    expect(await loadOf('plain/a?page=2&sort=x')).toBe(4);
    expect(await loadOf('plain/a?page=1&page=2')).toBe(5);
    expect(await loadOf('plain/a?page=1,2')).toBe(6);
    expect(await loadOf('plain/a?page=')).toBe(7);
    expect(await loadOf('plain/a')).toBe(8);
  });

  it('answers a condition that holds with 304 and no body', async () => {
    await open();
    const { header } = await read('plain/a');
    for (const condition of [header['etag'] ?? '', `W/${header['etag']}`, `"x", ${header['etag']}`, '*']) {
      const { status, body, header: given } = await read('plain/a', { 'if-none-match': condition });
      expect([condition, status, body.length]).toEqual([condition, 304, 0]);
      expect(given).toMatchObject({ etag: header['etag'], 'cache-control': header['cache-control'] });
    }
    expect((await read('plain/a', { 'if-none-match': '"x"' })).status).toBe(200);
    expect(loads).toBe(1);
  });

  it('answers HEAD from the same entry', async () => {
    await open();
    const { header, body } = await read('plain/a', {}, 'HEAD');
    expect(body.length).toBe(0);
    const get = await read('plain/a');
    expect(header['content-length']).toBe(`${get.body.length}`);
    expect(header['etag']).toBe(get.header['etag']);
    expect(loads).toBe(1);
  });

  it('is whole for a GET, also where a HEAD came first and the handler looks at the method', async () => {
    await open();
    const { header, body } = await read('bodiless', {}, 'HEAD');
    expect([body.length, header['content-length']]).toEqual([0, '5']);
    expect((await read('bodiless')).text).toBe('whole');
    expect(loads).toBe(1);
  });

  it('ages', async () => {
    await open();
    await read('anyones');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const { header } = await read('anyones');
    expect(Number(header['age'])).toBeGreaterThanOrEqual(1); // more on a busy machine
    expect(header).toMatchObject({ 'cache-control': 'public, max-age=10' });
    expect(header['vary'] ?? '').not.toContain('Cookie');
    expect(loads).toBe(1);
  });

  it('answers with a stale copy while the handler refreshes it, also when that answer is a 304', async () => {
    await open();
    const first = await read('stale');
    expect(first.header).toMatchObject({ 'x-load': '1', 'cache-control': 'public, no-cache' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    let release = (): void => {};
    gate = new Promise((resolve) => (release = resolve));
    const stale = await read('stale', { 'if-none-match': first.header['etag'] ?? '' });
    expect([stale.status, stale.header['x-load']]).toEqual([304, '1']);
    release();
    await eventually(async () => expect((await read('stale')).text).toBe('{"load":2}'));
    expect((await read('stale')).header['x-load']).toBe('2');
  });

  it('shares no answer of a request with credentials, unless told whose it is', async () => {
    await open();
    const personal = await read('plain/a', { authorization: 'Bearer a' });
    expect(personal.header).toMatchObject({
      'cache-control': 'private, no-store',
      vary: 'Authorization, Cookie, Accept-Language',
    });
    expect((await json('plain/a', { cookie: 'id=1' }))['load']).toBe(2);
    expect((await json('plain/a'))['load']).toBe(3);
    expect((await json('plain/a', { authorization: 'Bearer a' }))['load']).toBe(4);
    expect((await json('anyones', { cookie: 'id=1' }))['load']).toBe(5);
    expect((await json('anyones', { authorization: 'Bearer b' }))['load']).toBe(5);
  });

  it('keeps the answers of principals apart, and private', async () => {
    await open();
    const a = await read('mine', { authorization: 'a' });
    expect(JSON.parse(a.text)).toEqual({ who: 'a', load: 1 });
    expect(a.header['cache-control']).toBe('private, no-cache');
    expect(await json('mine', { authorization: 'b' })).toEqual({ who: 'b', load: 2 });
    expect(await json('mine', { authorization: 'a' })).toEqual({ who: 'a', load: 1 });
    const nobody = await read('mine');
    expect(JSON.parse(nobody.text)).toEqual({ load: 3 });
    expect(nobody.header['cache-control']).toBe('private, no-cache');
  });

  it('sends text and the headers that the handler set', async () => {
    await open();
    const kinds = { Express: 'text/html; charset=utf-8', Fastify: 'text/plain; charset=utf-8' };
    for (const _turn of [1, 2]) {
      const text = await read('text');
      expect([text.text, text.header['content-type']]).toEqual(['text 1', kinds[platform]]);
    }
    loads = 0;
    for (const _turn of [1, 2]) {
      const csv = await read('csv');
      expect(csv.text).toBe('a,b\n1,1\n');
      expect(csv.header).toMatchObject({ 'content-type': 'text/csv; charset=utf-8', 'x-rows': '2' });
    }
  });

  it('keeps streams up to their limit, and lets longer ones through', async () => {
    await open();
    for (const _turn of [1, 2]) {
      const { body, header } = await read('file/50000');
      expect(body.equals(Buffer.concat([0, 1, 2, 3, 4].map((fill) => Buffer.alloc(10_000, fill))))).toBe(true);
      expect(header).toMatchObject({
        'content-type': 'image/png',
        'content-disposition': 'attachment; filename="a.png"',
      });
    }
    expect(loads).toBe(1);
    for (const _turn of [1, 2]) expect((await read('file/300000')).body.length).toBe(300_000);
    expect(loads).toBe(3);
  });

  it('fills spliced documents for each request', async () => {
    await open();
    const a = await read('spliced/u1', { authorization: 'a' });
    expect(JSON.parse(a.text)).toEqual({ uid: 'u1', load: 1, jwt: '"a"' });
    expect(a.header['cache-control']).toBe('private, no-cache');
    expect(await json('spliced/u1', { authorization: 'b' })).toEqual({ uid: 'u1', load: 1, jwt: '"b"' });
    expect((await read('spliced/u1', { authorization: 'a', 'if-none-match': a.header['etag'] ?? '' })).status).toBe(
      304,
    );
    expect((await read('spliced/u1', { authorization: 'b', 'if-none-match': a.header['etag'] ?? '' })).status).toBe(
      200,
    );
  });

  it.each(['202', '404', 'cookie', 'no-store'])('keeps no answer with %s', async (code) => {
    await open();
    const first = await read(`status/${code}`);
    const second = await read(`status/${code}`);
    const status = { 202: 202, 404: 404 }[code] ?? 200;
    expect([first.status, second.status]).toEqual([status, status]);
    expect(loads).toBe(2);
    if (code === 'cookie') expect(second.header['set-cookie']).toBe('id=2');
  });

  it('gives each of many waiting requests an answer of its own when the first can not be kept', async () => {
    await open();
    const answers = await Promise.all(Array.from({ length: 5 }, () => read('status/cookie')));
    expect(new Set(answers.map(({ header }) => header['set-cookie'])).size).toBe(5);
  });

  it('sends instances of classes as the platform does', async () => {
    await open();
    expect(await json('instance')).toEqual({ course: { slug: 'a' }, at: '1970-01-01T00:00:00.000Z' });
  });

  it('leaves other methods alone', async () => {
    await open();
    const post = async () => JSON.parse((await read('post', {}, 'POST')).text) as object;
    expect([await post(), await post()]).toEqual([{ load: 1 }, { load: 2 }]);
  });

  it('is invalidated by tag', async () => {
    await open();
    expect((await json('plain/a'))['load']).toBe(1);
    await app.get(TieredCache).invalidateTags('courses');
    expect((await json('plain/a'))['load']).toBe(2);
  });

  it('goes through the store: another application answers from it', async () => {
    const stores = memoryStore();
    await open({ stores });
    const first = await read('plain/a');
    await read('file/50000');
    await app.close();
    await open({ stores });
    const second = await read('plain/a');
    expect(second.body.equals(first.body)).toBe(true);
    expect(second.header['etag']).toBe(first.header['etag']);
    expect((await read('file/50000')).body.length).toBe(50_000);
    expect(loads).toBe(0);
  });
});

describe('@CachedResponse refuses at the definition', () => {
  const refuses = (define: () => unknown, message: string) => expect(define).toThrow(message);

  it('what the handler takes and the key knows nothing of', () => {
    refuses(() => {
      class A {
        @CachedResponse({ query: ['page'] })
        read(@Query('sort') _sort: string): void {}
      }
      return A;
    }, "A.read takes 'sort' of the query");
    refuses(() => {
      class A {
        @CachedResponse()
        read(@Query() _query: object): void {}
      }
      return A;
    }, 'A.read takes all query');
    refuses(() => {
      class A {
        @CachedResponse()
        read(@Headers('accept') _accept: string): void {}
      }
      return A;
    }, "A.read takes 'accept' of the headers");
    refuses(() => {
      class A {
        @CachedResponse()
        read(@Session() _session: object): void {}
      }
      return A;
    }, 'A.read takes the session');
    refuses(() => {
      class A {
        @CachedResponse()
        read(@Res() _response: object): void {}
      }
      return A;
    }, 'A.read takes the response to answer by itself');
  });

  it('but not what it does know', () => {
    class A {
      @CachedResponse({ query: ['page'], headers: ['Accept'], principal: () => 'me' })
      read(
        @Query('page') _p: string,
        @Headers('accept') _a: string,
        @Headers('Cookie') _c: string,
        @Req() _r: object,
        @Param() _all: object,
      ): void {}
    }
    expect(A.name).toBe('A');
  });
});
