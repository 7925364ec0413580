import { Readable } from 'node:stream';
import { Controller, createParamDecorator, Get, Req, Res, StreamableFile } from '@nestjs/common';
import type { ExecutionContext, INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { OWN_CLOCK } from '../../src/cache/injection-tokens.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { onCacheEvent } from '../../src/value/events.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

interface Passthrough {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

/** What the handler does with its response at each of its runs. */
type Act = (response: Passthrough) => unknown;
let runs = 0;
let act: Act = () => 'first';

const Response = createParamDecorator((_: unknown, context: ExecutionContext) => ({
  real: context.switchToHttp().getResponse<Passthrough>(),
}));

@Controller()
class Pages {
  @Get('page')
  @CachedResponse({ ttl: 100, staleFor: '1m', keepHeaders: ['X-Run'] })
  page(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }

  @Get('decorated')
  @CachedResponse({ ttl: 100, staleFor: '1m', keepHeaders: ['X-Run'], keyedBy: () => [] })
  decorated(@Response() { real }: { real: Passthrough }): unknown {
    runs++;
    return act(real);
  }

  /** On Express. */
  @Get('requested')
  @CachedResponse({ ttl: 100, staleFor: '1m', keepHeaders: ['X-Run'], keyedBy: () => [] })
  requested(@Req() { res }: { res: Passthrough }): unknown {
    runs++;
    return act(res);
  }

  @Get('awaited')
  @CachedResponse({ ttl: 100, staleFor: '1m', keepHeaders: ['X-Run'], timeout: { soft: 30, hard: '1m' } })
  awaited(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }

  @Get('patient')
  @CachedResponse({ ttl: '1s', staleFor: '1h', timeout: { soft: '1m', hard: '2m' } })
  async patient(@Res({ passthrough: true }) response: Passthrough): Promise<unknown> {
    runs++;
    return act(response);
  }
}

describe.each(platforms)('A refresh of @CachedResponse on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app?.close());

  /**
   * Keeps a first answer, lets it become stale, and has it refreshed by `second`; resolves when the refresh has ended.
   * @param served is called when the stale answer has come.
   */
  async function refreshed(second: Act, path = 'page', served = () => undefined as void) {
    runs = 0;
    act = (response) => {
      response.header('X-Run', '1');
      response.header('ETag', '"first"');
      return 'first';
    };
    app = await listen(platform, { imports: [cacheModule()], controllers: [Pages] });
    const url = `${await app.getUrl()}/${path}`;
    const first = await ask(url);
    expect([first.text, first.header['etag'], first.header['x-run']]).toEqual(['first', '"first"', '1']);
    act = second;
    const errors: unknown[] = [];
    const ended = new Promise<void>((resolve) => {
      const stop = onCacheEvent('loadFinished', ({ error }) => {
        stop();
        errors.push(error);
        resolve();
      });
    });
    let stale = await ask(url);
    while (runs === 1) stale = await ask(url);
    served();
    await ended;
    expect([stale.status, stale.text, stale.header['etag']]).toEqual([200, 'first', '"first"']);
    expect(stale.header['cache-status']).toMatch(/^tiered-cache; hit; ttl=(0|-\d+)(; detail=stale)?$/);
    const [error] = errors;
    return { url, error: error as { status?: number } | undefined };
  }

  it.each<[string, unknown]>([
    ['an object', { run: 2 }],
    ['a list', [{ run: 2 }]],
    ['a number', 2],
    ['a text', 'second'],
    ['bytes', Buffer.from('second')],
  ])('keeps what the handler answers: %s', async (_, body) => {
    const { url, error } = await refreshed(() => body);
    expect(error).toBeUndefined();
    const isSentAsItIs = typeof body === 'string' || (platform === 'Fastify' && Buffer.isBuffer(body));
    expect((await ask(url)).text).toBe(isSentAsItIs ? body.toString() : JSON.stringify(body));
  });

  it('keeps a file that ends after the stale answer was sent', async () => {
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const pieces = async function* (): AsyncGenerator<string> {
      yield 'sec';
      await gate;
      yield 'ond';
    };
    const { url, error } = await refreshed(() => new StreamableFile(Readable.from(pieces())), 'awaited', finish);
    expect(error).toBeUndefined();
    expect((await ask(url)).text).toBe('second');
  });

  const ways = platform === 'Express' ? ['page', 'decorated', 'requested'] : ['page', 'decorated'];
  it.each(ways)('keeps the headers, entity tag and type that it sets (%s)', async (path) => {
    const { url, error } = await refreshed((response) => {
      response.header('X-Run', '2');
      response.header('ETag', '"second"');
      response.header('Content-Type', 'text/csv');
      return 'a,b';
    }, path);
    expect(error).toBeUndefined();
    const after = await ask(url, { 'if-none-match': '"first"' });
    expect([after.status, after.text, after.header['x-run'], after.header['etag']]).toEqual([
      200,
      'a,b',
      '2',
      '"second"',
    ]);
    expect(after.header['content-type']).toMatch(/^text\/csv/);
  });

  it('does not bring the old entity tag along', async () => {
    const { url } = await refreshed(() => 'second');
    const after = await ask(url, { 'if-none-match': '"first"' });
    expect([after.status, after.text, after.header['x-run']]).toEqual([200, 'second', undefined]);
    expect(after.header['etag']).not.toBe('"first"');
  });

  it('that answers 503 is a load that failed: the stale answer is served on', async () => {
    const { url, error } = await refreshed((response) => {
      response.status(503);
      return 'down';
    });
    expect(error?.status).toBe(503);
    const after = await ask(url);
    expect([after.status, after.text]).toEqual([200, 'first']);
  });

  it.each<[string, Act]>([
    ['can’t be serialized', () => ({ amount: 10n })],
    [
      'fails while it is serialized',
      () => ({
        toJSON: () => {
          throw new Error('no row');
        },
      }),
    ],
  ])('whose answer %s is a load that failed: the stale answer is served on', async (_, second) => {
    const { url, error } = await refreshed(second);
    expect(error).toBeInstanceOf(Error);
    const after = await ask(url);
    expect([after.status, after.text]).toEqual([200, 'first']);
  });

  it('that answers 404 takes the stale answer back', async () => {
    const { url, error } = await refreshed((response) => {
      response.status(404);
      return 'gone';
    });
    expect(error?.status).toBe(404);
    await eventually(async () => expect((await ask(url)).status).toBe(404));
  });

  describe('that its caller waits for', () => {
    let clock: FakeClock;

    async function open(): Promise<string> {
      runs = 0;
      act = () => 'first';
      clock = new FakeClock();
      const imports = [cacheModule({ stores: memoryStore({ clock }) })];
      const builder = Test.createTestingModule({ imports, controllers: [Pages] });
      const module = await builder.overrideProvider(OWN_CLOCK).useValue(clock).compile();
      const adapter = platform === 'Express' ? new ExpressAdapter() : (new FastifyAdapter() as never);
      app = module.createNestApplication(adapter);
      await app.listen(0, '127.0.0.1');
      const url = `${await app.getUrl()}/patient`;
      expect((await ask(url)).text).toBe('first');
      await clock.advance('1s');
      return url;
    }

    it('and that answers 404 is answered with what the handler says', async () => {
      const url = await open();
      act = (response) => {
        response.status(404);
        response.header('X-Reason', 'gone');
        return { own: runs };
      };
      for (const own of [2, 3]) {
        const { status, text, header } = await ask(url);
        expect([status, text, header['x-reason']]).toEqual([404, JSON.stringify({ own }), 'gone']);
        expect(header['cache-status']).toMatch(
          /^tiered-cache; fwd=\w+; fwd-status=404; detail="?[\w, ]*unkept:status"?$/,
        );
      }
    });

    it('and that answers 404 with a file is answered with its bytes', async () => {
      const url = await open();
      act = (response) => {
        response.status(404);
        return new StreamableFile(Readable.from([Buffer.from('none')]));
      };
      const { status, text } = await ask(url);
      expect([status, text]).toEqual([404, 'none']);
    });

    it('and that answers 404 has whoever waits beside run the handler', async () => {
      const url = await open();
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      act = async (response) => {
        const own = runs;
        await gate;
        response.status(404);
        return { own };
      };
      const first = ask(url);
      await eventually(() => expect(runs).toBe(2));
      const { waiting } = clock;
      const second = ask(url);
      await eventually(() => expect(clock.waiting).toBeGreaterThan(waiting)); // it waits for the refresh, and for no longer than timeout.soft
      release();
      const both = await Promise.all([first, second]);
      expect(both.map(({ status, text }) => [status, text])).toEqual([
        [404, '{"own":2}'],
        [404, '{"own":3}'],
      ]);
    });
  });

  it.each([
    ['no-store', (response: Passthrough) => response.header('Cache-Control', 'no-store')],
    ['private', (response: Passthrough) => response.header('Cache-Control', 'private')],
    ['a cookie', (response: Passthrough) => response.header('Set-Cookie', 'id=1')],
    ['another variance', (response: Passthrough) => response.header('Vary', 'Accept-Language')],
    ['202', (response: Passthrough) => response.status(202)],
  ])('with %s is not kept, and sets nothing on the answer that was sent', async (_name, set) => {
    const { url } = await refreshed((response) => {
      set(response);
      return 'personal';
    });
    act = () => 'third';
    const after = await ask(url);
    expect(after.text).not.toBe('personal');
    expect(after.header['set-cookie']).toBeUndefined();
  });
});
