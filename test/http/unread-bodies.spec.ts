import { createReadStream } from 'node:fs';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Controller, Get, Res, StreamableFile, UseInterceptors } from '@nestjs/common';
import type { INestApplication, NestInterceptor } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { map, tap } from 'rxjs';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { Shard } from '../../src/store/store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { shardWith } from '../support/shard-with.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

interface Passthrough {
  readonly raw?: Passthrough;
  status(code: number): unknown;
  header(name: string, value: string): unknown;
  end(): unknown;
}

/** What the handler does at each of its runs. */
type Act = (response: Passthrough) => unknown;
let runs = 0;
let act: Act = () => 'first';

/** As on Nest 11: nobody listens for the errors of what a handler has answered, and nobody closes it when its client has left. It stands between the cache and the handler. */
const unheard: NestInterceptor = {
  intercept: (_, next) =>
    next.handle().pipe(
      map((made: unknown) => (typeof made === 'function' ? (made as () => unknown)() : made)),
      tap((body: unknown) => {
        if (body instanceof Readable) body.removeAllListeners('error');
        if (body instanceof StreamableFile) body.getStream().removeAllListeners('error');
      }),
    ),
};

@Controller()
class Files {
  @Get('refreshed')
  @CachedResponse({ ttl: '1h', staleFor: '1h', tags: ['files'], maxBodyBytes: 10 })
  refreshed(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }

  @Get('awaited')
  @CachedResponse({ ttl: '1h', staleFor: '1h', tags: ['files'], maxBodyBytes: 10, timeout: { soft: '1m', hard: '2m' } })
  awaited(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }

  @Get('late')
  @CachedResponse({ ttl: '1m', maxBodyBytes: 10, timeout: { hard: 20 } })
  late(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }

  @Get('unheard')
  @UseInterceptors(unheard)
  @CachedResponse({ ttl: '1h', staleFor: '1h', tags: ['files'], maxBodyBytes: 10 })
  unheard(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }

  @Get('left')
  @CachedResponse({ ttl: '1m', maxBodyBytes: 10 })
  left(@Res({ passthrough: true }) response: Passthrough): unknown {
    runs++;
    return act(response);
  }
}

/** A file that is open until somebody closes it: its bytes have no end. */
function openFile(): Readable {
  return new Readable({
    read() {
      this.push('more than ten bytes');
    },
  });
}

/** Rights to load are given back when this has happened. */
let removesAfter: Promise<unknown> | undefined;

const behind = (shard: Shard): Shard =>
  shardWith(shard, {
    remove: async (...args: Parameters<Shard['remove']>): ReturnType<Shard['remove']> => {
      await removesAfter;
      return shard.remove(...args);
    },
  });

/** The file is opened once the handler has answered, and is not there. */
function missingFile(): Readable {
  return createReadStream(join(tmpdir(), 'there', 'is', 'none'));
}

const unkept: [string, (response: Passthrough) => unknown][] = [
  ['is too large', () => undefined],
  ['has another status', (response) => response.status(202)],
  ['is forbidden to keep', (response) => response.header('Cache-Control', 'no-store')],
  ['refuses to refresh', (response) => response.status(404)],
  ['has gone out by itself', (response) => (response.raw ?? response).end()],
];

describe.each(platforms)('A stream that nobody reads, on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => {
    removesAfter = undefined;
    return app?.close();
  });

  const open = async (): Promise<string> => {
    runs = 0;
    act = () => 'first';
    const stores = storeBehind(memoryStore(), behind);
    app = await listen(platform, { imports: [cacheModule({ stores })], controllers: [Files] });
    return app.getUrl();
  };

  it.each(unkept)('is closed when it is of a refresh whose answer %s', async (_, answer) => {
    const url = `${await open()}/refreshed`;
    expect((await ask(url)).text).toBe('first');
    const file = openFile();
    act = (response) => {
      answer(response); // not awaited: a reply of Fastify is a thenable
      return new StreamableFile(file);
    };
    await app.get(TieredCache).expireTags('files');
    expect((await ask(url)).text).toBe('first');
    await eventually(() => expect(file.destroyed).toBe(true));
  });

  it('is closed when nobody waited for its answer', async () => {
    const url = `${await open()}/late`;
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const file = openFile();
    act = () => gate.then(() => new StreamableFile(file));
    expect((await ask(url)).status).toBeGreaterThanOrEqual(500);
    finish();
    await eventually(() => expect(file.destroyed).toBe(true));
  });

  it('is closed when its client has left', async () => {
    await open();
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const file = openFile();
    act = () => gate.then(() => new StreamableFile(file));
    const server = app.getHttpServer() as {
      address(): AddressInfo;
      once(event: 'request', told: (...it: unknown[]) => void): void;
    };
    const closed = new Promise((resolve) => {
      server.once('request', (_, response) => (response as NodeJS.EventEmitter).once('close', resolve));
    });
    const client = get({ port: server.address().port, host: '127.0.0.1', path: '/left', agent: false });
    client.on('error', () => undefined);
    await eventually(() => expect(runs).toBe(1));
    client.destroy();
    await closed;
    finish();
    await eventually(() => expect(file.destroyed).toBe(true));
  });

  it('is closed when its client leaves while it has no more to give, for now', async () => {
    const url = `${await open()}/unheard`;
    const file = new Readable({ read: () => undefined });
    file.push('more than ten bytes');
    act = () => () => new StreamableFile(file);
    const client = get(url, { agent: false });
    client.on('error', () => undefined);
    const answered = new Promise<IncomingMessage>((resolve) => client.once('response', resolve));
    (await answered).on('error', () => undefined);
    expect(file.destroyed).toBe(false);
    client.destroy();
    await eventually(() => expect(file.destroyed).toBe(true));
  });

  const ways = platform === 'Fastify' ? ['as it is', 'as a StreamableFile'] : ['as a StreamableFile'];
  it.each(ways)('is an error when it fails before it is sent %s', async (how) => {
    const url = `${await open()}/unheard`;
    act = (response) => {
      response.status(202);
      const file = missingFile();
      removesAfter = new Promise((resolve) => void file.once('close', resolve));
      return how === 'as it is' ? file : new StreamableFile(file);
    };
    expect((await ask(url)).status).toBe(500);
  });

  it.each(ways)('ends no process when it was closed, %s, and fails then', async (how) => {
    const url = `${await open()}/unheard`;
    expect((await ask(url)).text).toBe('first');
    let file: Readable | undefined;
    act = (response) => {
      response.status(202);
      file = missingFile();
      return how === 'as it is' ? file : new StreamableFile(file);
    };
    await app.get(TieredCache).expireTags('files');
    expect((await ask(url)).text).toBe('first');
    await eventually(() => expect(file?.closed).toBe(true));
  });

  it('is closed, each of them, where a file makes its stream anew and is not kept', async () => {
    const url = `${await open()}/left`;
    const made: Readable[] = [];
    class Anew extends StreamableFile {
      override getStream(): Readable {
        const stream = Readable.from(['file']);
        made.push(stream);
        return stream;
      }
    }
    act = (response) => {
      response.status(202);
      return new Anew(Buffer.from('not read'), { length: 4 });
    };
    expect((await ask(url)).text).toBe('file');
    await eventually(() => expect(made.map(({ destroyed }) => destroyed)).toEqual(made.map(() => true)));
  });

  it('is none where the caller waits for the refresh: it is sent as a whole', async () => {
    const url = `${await open()}/awaited`;
    expect((await ask(url)).text).toBe('first');
    await app.get(TieredCache).expireTags('files');
    act = () => new StreamableFile(Readable.from(['more than ', 'ten bytes']));
    expect((await ask(url)).text).toBe('more than ten bytes');
  });
});
