import type { EventEmitter } from 'node:events';
import { get } from 'node:http';
import type { ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { Controller, Get, Param, StreamableFile } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { of } from 'rxjs';
import type { Observable } from 'rxjs';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

let runs = 0;
let gate: Promise<void> | undefined;
let finish: () => void;

/** Handlers run until `finish` is called. */
function hold(): void {
  gate = new Promise((resolve) => (finish = resolve));
}

/** What the last file is read from. */
let source: Readable;

/** A file whose second piece comes when `finish` is called. */
function twoPieces(): StreamableFile {
  const pieces = async function* (): AsyncGenerator<string> {
    yield 'first, ';
    await gate;
    yield 'second';
  };
  source = Readable.from(pieces());
  return new StreamableFile(source);
}

@Controller('slow')
class SlowController {
  constructor(
    private readonly cache: TieredCache,
    private readonly lock: CacheLock,
  ) {}

  @Get('reading/:id')
  @CachedResponse({ ttl: '5m' })
  async reading(@Param('id') id: string): Promise<object> {
    const course = await this.cache.getOrSet(`course:${id}`, () => 'course');
    runs++;
    await gate;
    const teacher = await this.cache.getOrSet(`teacher:${id}`, () => 'teacher');
    return { id, course, teacher, runs };
  }

  @Get('locked/:id')
  @CachedResponse({ ttl: '5m' })
  locked(@Param('id') id: string): Promise<object> {
    return this.lock.using(['course', id], { wait: 0 }, async () => {
      runs++;
      await gate;
      return { id, runs };
    });
  }

  @Get('emitted-file/:id')
  @CachedResponse({ ttl: '5m' })
  emittedFile(): Observable<StreamableFile> {
    runs++;
    return of(twoPieces());
  }

  @Get('timed-file/:id')
  @CachedResponse({ ttl: '5m', timeout: { hard: 20 } })
  timedFile(): StreamableFile {
    runs++;
    return twoPieces();
  }

  @Get('emitted-large/:id')
  @CachedResponse({ ttl: '5m', maxBodyBytes: 10 })
  emittedLarge(): Observable<StreamableFile> {
    runs++;
    return of(twoPieces());
  }

  @Get('endless/:id')
  @CachedResponse({ ttl: '5m', maxLoad: 20 })
  endless(): StreamableFile {
    runs++;
    return twoPieces();
  }
}

describe.each(platforms)('On %s, an answer whose client leaves while its handler runs', (platform) => {
  let app: INestApplication;
  let url: string;
  beforeAll(async () => {
    app = await listen(platform, { imports: [cacheModule()], controllers: [SlowController] }, (one) =>
      one.use((_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
        response.setHeader('X-Frame-Options', 'SAMEORIGIN');
        response.setHeader('Vary', 'Origin');
        next();
      }),
    );
    url = await app.getUrl();
  });
  afterAll(() => app.close());

  const connections = (): Promise<number> =>
    new Promise((resolve) => {
      const server = app.getHttpServer() as { getConnections(told: (_: unknown, count: number) => void): void };
      server.getConnections((_, count) => resolve(count));
    });
  const begin = (path: string): ClientRequest => {
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    return get({ port, host: '127.0.0.1', path: `/slow/${path}`, agent: false }).on('error', () => undefined);
  };

  async function begunAndLeft(path: string): Promise<void> {
    const before = runs;
    const open = await connections();
    const client = begin(path);
    await eventually(() => expect(runs).toBe(before + 1));
    client.destroy();
    await eventually(async () => expect(await connections()).toBeLessThanOrEqual(open));
  }

  it.each(['reading', 'locked'])('is kept for the next (%s)', async (kind) => {
    hold();
    await begunAndLeft(`${kind}/1`);
    finish();
    const before = runs;
    await eventually(async () => {
      const { status, header } = await ask(`${url}/slow/${kind}/1`);
      expect(status).toBe(200);
      expect(header['cache-status']).toMatch(/; hit; ttl=/);
    });
    expect(runs).toBe(before);
  });

  it('is the answer of those who wait for it', async () => {
    hold();
    const before = runs;
    const client = begin('reading/2');
    await eventually(() => expect(runs).toBe(before + 1));
    const others = [ask(`${url}/slow/reading/2`), ask(`${url}/slow/reading/2`)];
    client.destroy();
    await eventually(async () => expect(await connections()).toBeLessThanOrEqual(2));
    finish();
    for (const { status, text } of await Promise.all(others)) {
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({ id: '2', runs: before + 1 });
    }
    expect((await ask(`${url}/slow/reading/2`)).header['cache-status']).toMatch(/; hit; ttl=/);
  });

  it('is the answer of those who wait for it, also where it is a file that the handler emits', async () => {
    hold();
    const before = runs;
    const closed = new Promise((resolve) => {
      (app.getHttpServer() as EventEmitter).once('request', (_, response) => {
        (response as EventEmitter).once('close', resolve);
      });
    });
    const client = begin('emitted-file/1');
    await eventually(() => expect(runs).toBe(before + 1));
    const other = ask(`${url}/slow/emitted-file/1`);
    client.destroy();
    await closed;
    finish();
    const { status, text } = await other;
    expect([status, text, runs]).toEqual([200, 'first, second', before + 1]);
  });

  it('is kept where it is a file, and the client was told that it takes too long', async () => {
    hold();
    const before = runs;
    expect((await ask(`${url}/slow/timed-file/1`)).status).toBeGreaterThanOrEqual(500);
    finish();
    await eventually(async () => {
      const { status, text, header } = await ask(`${url}/slow/timed-file/1`);
      expect([status, text]).toEqual([200, 'first, second']);
      expect(header['cache-status']).toMatch(/; hit; ttl=/);
    });
    expect(runs).toBe(before + 1);
  });

  it.each(['timed-file', 'endless'])(
    'leaves what middleware has set on the error of a load that takes too long (%s)',
    async (kind) => {
      hold();
      const { status, header } = await ask(`${url}/slow/${kind}/2`);
      finish();
      expect([status >= 500, header['x-frame-options'], header['vary']]).toEqual([
        true,
        'SAMEORIGIN',
        'Origin, Authorization, Cookie',
      ]);
    },
  );

  it('is closed where it is a file that turns out to be too large', async () => {
    hold();
    await begunAndLeft('emitted-large/1');
    finish();
    await eventually(() => expect(source.destroyed).toBe(true));
  });

  it('is closed where it is a file that takes longer than a load may', async () => {
    hold();
    const before = runs;
    expect((await ask(`${url}/slow/endless/1`)).status).toBeGreaterThanOrEqual(500);
    expect(runs).toBe(before + 1);
    await eventually(() => expect(source.destroyed).toBe(true));
    finish();
  });
});
