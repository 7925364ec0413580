import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  HttpException,
  Req,
  Res,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import type { CallHandler, ExecutionContext, INestApplication, NestInterceptor } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { map } from 'rxjs';
import { CachedResponse } from '../../src/http/cached-response.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

/** What is used of an application of Express. */
interface Settings {
  set(name: string, value: unknown): this;
}

/** What is used of Fastify. */
interface Reply {
  type(type: string): this;
  serializer(serialize: (payload: unknown) => string): this;
}
interface Hooks {
  addHook(name: string, hook: (request: unknown, reply: Reply, payload: unknown) => Promise<unknown>): void;
  decorateReply(name: string, value: unknown): void;
  setReplySerializer(serialize: (payload: unknown) => string): void;
}
const expressOf = (app: INestApplication): Settings => app.getHttpAdapter().getInstance() as Settings;
const fastifyOf = (app: INestApplication): Hooks => app.getHttpAdapter().getInstance() as Hooks;

let runs = 0;

class User {
  readonly name = 'ada';
  constructor(readonly password: string) {}
  toJSON(): object {
    return { ...this };
  }
}

/** Hides what users don't let others see, as ClassSerializerInterceptor does. */
class HidesPasswords implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((body: unknown) => (body instanceof User ? { name: body.name } : body)));
  }
}

class WrapsInData implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    context
      .switchToHttp()
      .getResponse<{ header(name: string, value: string): void }>()
      .header('Content-Language', 'la');
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@UseInterceptors(WrapsInData)
@Controller('wrapped')
class WrappedController {
  @Get('by-class')
  @CachedResponse()
  byClass(): object {
    return { run: ++runs };
  }

  @Get('above')
  @UseInterceptors(WrapsInData)
  @CachedResponse()
  above(): object {
    return { run: ++runs };
  }

  @Get('below')
  @CachedResponse()
  @UseInterceptors(WrapsInData)
  below(): object {
    return { run: ++runs };
  }
}

interface Response {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

class Refuses {
  read(@Res({ passthrough: true }) response: Response): object {
    response.status(404);
    response.header('Set-Cookie', 'id=1');
    return { run: ++runs };
  }
}

/** Nest takes the arguments from the class above. */
@Controller('overriding')
class OverridingController extends Refuses {
  @Get()
  @CachedResponse()
  override read(response: Response): object {
    return super.read(response);
  }
}

@Controller('requested')
class RequestedController {
  @Get()
  @CachedResponse({ keyedBy: () => [] })
  async read(@Req() request: { readonly res: Response }): Promise<object> {
    await Promise.resolve();
    request.res.status(404);
    request.res.header('Set-Cookie', 'id=1');
    return { run: ++runs };
  }
}

interface Removing {
  removeHeader(name: string): unknown;
}

class Unframed implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    context.switchToHttp().getResponse<Removing>().removeHeader('X-Frame-Options');
    return next.handle();
  }
}

/** A page that others may put into a frame. */
@Controller('framed')
class FramedController {
  @Get('handler')
  @CachedResponse({ staleFor: '1h' })
  byHandler(@Res({ passthrough: true }) response: Removing): object {
    response.removeHeader('X-Frame-Options');
    response.removeHeader('Access-Control-Allow-Origin');
    return { run: ++runs };
  }

  @Get('raw')
  @CachedResponse()
  byRaw(@Res({ passthrough: true }) response: Removing & { readonly raw?: Removing }): object {
    (response.raw ?? response).removeHeader('X-Frame-Options');
    return { run: ++runs };
  }

  @Get('interceptor')
  @UseInterceptors(Unframed)
  @CachedResponse()
  byInterceptor(): object {
    return { run: ++runs };
  }

  @Get('again')
  @CachedResponse()
  again(@Res({ passthrough: true }) response: Removing & { header(name: string, value: string): void }): object {
    response.removeHeader('Cache-Control');
    response.header('Cache-Control', 'max-age=7');
    return { run: ++runs };
  }

  @Get('latin')
  @CachedResponse({ keepHeaders: ['X-Edition'] })
  latin(@Res({ passthrough: true }) response: { header(name: string, value: string): void }): object {
    response.header('Content-Language', 'la');
    response.header('X-Edition', 'la');
    return { run: ++runs };
  }

  /** By the names that only Fastify has. */
  @Get('typed')
  @CachedResponse()
  typed(@Res({ passthrough: true }) response: { type(type: string): unknown }): string {
    response.type('text/x-latin');
    return `text ${++runs}`;
  }

  @Get('kept')
  @CachedResponse()
  kept(): object {
    return { run: ++runs };
  }
}

const keyedBy = ({ headers }: { readonly headers: Record<string, string> }) => [headers['x-tenant']];

@Controller('keyed')
class KeyedController {
  @Get('public')
  @Header('Cache-Control', 'max-age=60')
  @CachedResponse({ keyedBy, public: true })
  byPublic(): object {
    return { run: ++runs };
  }

  @Get('private')
  @Header('Cache-Control', 'max-age=60')
  @CachedResponse({
    keyedBy,
    principal: ({ headers }: { readonly headers: Record<string, string> }) => headers['authorization'] ?? null,
  })
  byPrivate(): object {
    return { run: ++runs };
  }
}

let opened = 0;
let gate: Promise<void> | undefined;

async function* pieces(): AsyncGenerator<string> {
  yield 'lo';
  await gate;
  yield 'go';
}

/** May be sent as often as one likes. */
class Logo extends StreamableFile {
  override getStream(): Readable {
    opened++;
    return Readable.from(pieces());
  }
}

@Controller('one-file')
class OneFileController {
  private readonly logo = new Logo(Buffer.from('not read'), { length: 4 });
  private readonly readOnce = new StreamableFile(Readable.from(['lo', 'go']));
  private readonly bytes = new StreamableFile(Buffer.from('logo'));
  private readonly readSlowly = new StreamableFile(Readable.from(pieces()));

  @Get('logo/:language')
  @CachedResponse()
  getLogo(): StreamableFile {
    return this.logo;
  }

  @Get('read-once/:language')
  @CachedResponse()
  getReadOnce(): StreamableFile {
    return this.readOnce;
  }

  @Get('bytes/:language')
  @CachedResponse()
  getBytes(): StreamableFile {
    return this.bytes;
  }

  @Get('read-slowly')
  @CachedResponse()
  getReadSlowly(): StreamableFile {
    runs++;
    return this.readSlowly;
  }

  @Get('uncached-logo')
  getUncachedLogo(): StreamableFile {
    return this.logo;
  }
}

const heard: string[] = [];

async function* brokenPieces(): AsyncGenerator<Buffer> {
  for (let piece = 0; piece < 40; piece++) yield Buffer.alloc(2 ** 16);
  throw new Error('broken');
}

const cached = CachedResponse();
const plain = (): void => undefined;
/** The same handlers with the cache and without it. */
const controllerOf = (path: string, decorate: MethodDecorator | typeof plain) => {
  @Controller(path)
  class Answers {
    @Get('object')
    @decorate
    object(): object {
      return { run: ++runs, password: 'secret', html: '<b>' };
    }

    @Get('user')
    @decorate
    user(): User {
      runs++;
      return new User('secret');
    }

    @Get('text')
    @decorate
    text(): string {
      return `text ${++runs}`;
    }

    @Get('csv')
    @decorate
    csv(@Res({ passthrough: true }) response: Response): string {
      response.header('Content-Type', 'text/csv');
      return `text ${++runs}`;
    }

    @Get('nothing')
    @decorate
    nothing(): null {
      runs++;
      return null;
    }

    @Get('void')
    @decorate
    nothingAtAll(): void {
      runs++;
    }

    @Get('number')
    @decorate
    number(): number {
      return ++runs;
    }

    /** Express makes JSON of them, Fastify sends them. */
    @Get('bytes')
    @decorate
    bytes(): Buffer {
      runs++;
      return Buffer.from([1, 2]);
    }

    @Get('image')
    @Header('Content-Type', 'image/png')
    @decorate
    image(): Buffer {
      runs++;
      return Buffer.from([1, 2]);
    }

    @Get('tagged')
    @Header('ETag', '"v1"')
    @Header('Cache-Control', 'public, max-age=7')
    @decorate
    tagged(): object {
      return { run: ++runs };
    }

    @Get('unserializable')
    @decorate
    unserializable(): object {
      return { run: BigInt(++runs) };
    }

    @Get('done')
    @HttpCode(202)
    @decorate
    done(@Res({ passthrough: true }) response: { status(code: number): unknown }): object {
      response.status(200);
      return { run: ++runs };
    }

    @Get('missing')
    @Header('Cache-Control', 'no-store')
    @decorate
    missing(): StreamableFile {
      return new StreamableFile(createReadStream('/nowhere/at/all'));
    }

    /** Longer than what is kept. */
    @Get('broken')
    @decorate
    broken(): StreamableFile {
      const file = new StreamableFile(Readable.from(brokenPieces()));
      return file.setErrorHandler((error, response) => {
        heard.push(error.message);
        response.destroy?.();
      });
    }

    @Get('teapot')
    @decorate
    teapot(@Res({ passthrough: true }) response: { header(name: string, value: string): void }): object {
      response.header('Retry-After', '7');
      throw new HttpException('teapot', 418);
    }
  }
  return Answers;
};

describe.each(platforms)('What the application makes of an answer, with @CachedResponse on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const open = async (
    interceptors: (new () => NestInterceptor)[],
    prepare?: (app: INestApplication) => void,
  ): Promise<(path: string, headers?: Record<string, string>) => ReturnType<typeof ask>> => {
    runs = 0;
    app = await listen(
      platform,
      {
        imports: [cacheModule()],
        controllers: [
          controllerOf('cached', cached),
          controllerOf('plain', plain),
          WrappedController,
          OverridingController,
          RequestedController,
          OneFileController,
          FramedController,
          KeyedController,
        ],
        providers: interceptors.map((useClass) => ({ provide: APP_INTERCEPTOR, useClass })),
      },
      prepare,
    );
    const url = await app.getUrl();
    return (path, headers) => ask(`${url}/${path}`, headers);
  };

  /** The cached answer, made and repeated, is the plain one. */
  const expectSame = async (read: Awaited<ReturnType<typeof open>>, name: string): Promise<void> => {
    const without = await read(`plain/${name}`);
    runs = 0;
    for (const turn of [1, 2]) {
      const { status, text, header } = await read(`cached/${name}`);
      expect([turn, status, text, header['content-type']]).toEqual([
        turn,
        without.status,
        without.text.replace(/\d+/, '1'),
        without.header['content-type'],
      ]);
    }
    expect(runs).toBe(1);
  };

  const names = ['object', 'user', 'text', 'nothing', 'void', 'number', 'bytes', 'tagged'];

  it.each([...names, 'image', 'csv'])('is the same as without it (%s)', async (name) =>
    expectSame(await open([]), name),
  );

  it.each(names)('is the same under global interceptors (%s)', async (name) =>
    expectSame(await open([HidesPasswords, WrapsInData]), name),
  );

  it('hides what a global interceptor hides of instances, also of those that say by toJSON how they are sent', async () => {
    const read = await open([HidesPasswords]);
    for (const _turn of [1, 2]) expect((await read('cached/user')).text).toBe('{"name":"ada"}');
  });

  it('is wrapped once by interceptors of the application that main.ts adds', async () => {
    const read = await open([], (one) => one.useGlobalInterceptors(new WrapsInData()));
    for (const _turn of [1, 2]) expect((await read('cached/object')).text).toMatch(/^\{"data":\{"run":1,/);
    expect((await read('cached/object')).header['content-language']).toBe('la');
  });

  it.each(['by-class', 'above', 'below'])('is wrapped wherever the interceptor stands (%s)', async (name) => {
    const read = await open([]);
    const expected = name === 'by-class' ? '{"data":{"run":1}}' : '{"data":{"data":{"run":1}}}';
    for (const _turn of [1, 2]) expect((await read(`wrapped/${name}`)).text).toBe(expected);
  });

  it('keeps the entity tag and the cache control of @Header', async () => {
    const read = await open([]);
    for (const _turn of [1, 2]) {
      const { header } = await read('cached/tagged');
      expect(header).toMatchObject({ etag: '"v1"', 'cache-control': 'public, max-age=7' });
    }
    expect((await read('cached/tagged', { 'if-none-match': '"v1"' })).status).toBe(304);
    expect(runs).toBe(1);
  });

  it('has the status that the handler has set in the place of that of @HttpCode', async () => {
    const read = await open([]);
    expect((await read('plain/done')).status).toBe(200);
    for (const _turn of [1, 2]) {
      const { status, text } = await read('cached/done');
      expect([status, text]).toEqual([200, '{"run":2}']);
    }
    const { etag = '' } = (await read('cached/done')).header;
    expect((await read('cached/done', { 'if-none-match': etag })).status).toBe(304);
  });

  it('fails as it does without it', async () => {
    const read = await open([]);
    for (const name of ['unserializable', 'teapot']) {
      const without = await read(`plain/${name}`);
      const { status, text, header } = await read(`cached/${name}`);
      expect([status, text, header['retry-after']]).toEqual([
        without.status,
        without.text,
        without.header['retry-after'],
      ]);
    }
  });

  if (platform === 'Express') {
    it.each(['plain', 'cached'])('tells the error handler of a long file that it broke (%s)', async (path) => {
      const read = await open([]);
      heard.length = 0;
      await expect(read(`${path}/broken`)).rejects.toThrow();
      expect(heard).toEqual(['broken']);
    });
  }

  it('is the same for a HEAD as without it where the file of an answer that is not kept is missing', async () => {
    await open([]);
    const url = await app.getUrl();
    const without = (await ask(`${url}/plain/missing`, {}, 'HEAD')).status;
    expect(without).toBe(platform === 'Express' ? 400 : 200); // Fastify's of Nest 12 doesn't open it
    expect((await ask(`${url}/cached/missing`, {}, 'HEAD')).status).toBe(without);
  });

  it.each<[string, string]>([
    ['is an argument that the class above asks for', 'overriding'],
    ...(platform === 'Express' ? ([['is that of Express’s request', 'requested']] as [string, string][]) : []),
  ])('is judged also where the response %s', async (_, path) => {
    const read = await open([]);
    for (const turn of [1, 2]) {
      const { status, text, header } = await read(path);
      expect([status, text, header['set-cookie']]).toEqual([404, `{"run":${turn}}`, 'id=1']);
    }
  });

  it('has all bytes of a file that makes its stream anew, whichever routes return it, one after the other and at once', async () => {
    const read = await open([]);
    const textOf = async (language: string): Promise<string> => (await read(`one-file/logo/${language}`)).text;
    gate = undefined;
    for (const language of ['en', 'de', 'en', 'de'])
      expect([language, await textOf(language)]).toEqual([language, 'logo']);
    let finish = (): void => undefined;
    gate = new Promise((resolve) => (finish = resolve));
    const before = opened;
    const both = Promise.all(['fr', 'it'].map(textOf));
    try {
      await eventually(() => expect(opened).toBeGreaterThanOrEqual(before + 2));
    } finally {
      finish();
    }
    expect(await both).toEqual(['logo', 'logo']);
    for (const language of ['fr', 'it', 'la']) expect([language, await textOf(language)]).toEqual([language, 'logo']);
  });

  it.each<[string, string, Record<string, string>]>([
    ['goes around the cache', 'logo/fr', { authorization: 'Bearer ada' }],
    ['is of a route without it', 'uncached-logo', {}],
  ])('has all bytes of a file that a load reads, also for a request that %s', async (_, path, headers) => {
    const read = await open([]);
    let finish = (): void => undefined;
    gate = new Promise((resolve) => (finish = resolve));
    const before = opened;
    const loaded = read('one-file/logo/fr');
    try {
      await eventually(() => expect(opened).toBeGreaterThan(before));
      const outside = [1, 2].map(() => read(`one-file/${path}`, headers));
      await eventually(() => expect(opened).toBeGreaterThanOrEqual(before + 3));
      finish();
      expect((await Promise.all([loaded, ...outside])).map(({ text }) => text)).toEqual(['logo', 'logo', 'logo']);
    } finally {
      finish();
    }
  });

  it('is an error for a request around the cache while a load reads the only stream of the file', async () => {
    const read = await open([]);
    let finish = (): void => undefined;
    gate = new Promise((resolve) => (finish = resolve));
    const loaded = read('one-file/read-slowly');
    try {
      await eventually(() => expect(runs).toBe(1));
      expect((await read('one-file/read-slowly', { authorization: 'Bearer ada' })).status).toBeGreaterThanOrEqual(400);
    } finally {
      finish();
    }
    expect((await loaded).text).toBe('logo');
  });

  it('is an error where a file is returned once more whose only stream was read, and is not kept as an empty one', async () => {
    const read = await open([]);
    expect((await read('one-file/read-once/en')).text).toBe('logo');
    for (const _turn of [1, 2]) expect((await read('one-file/read-once/de')).status).toBe(500);
    expect((await read('one-file/read-once/en')).text).toBe('logo');
  });

  it('is an error also where a request around the cache has read the only stream of the file', async () => {
    const read = await open([]);
    expect((await read('one-file/bytes/en', { authorization: 'Bearer ada' })).text).toBe('logo');
    for (const _turn of [1, 2]) {
      const { status, header } = await read('one-file/bytes/en');
      expect([status, header['cache-status']]).toEqual([500, expect.stringContaining('failed')]);
    }
  });

  /** What middleware sets, and of CORS only for other origins. */
  const helmet = (one: INestApplication): unknown =>
    one.use(
      (
        request: { readonly headers: Record<string, string> },
        response: { setHeader(name: string, value: string): void },
        next: () => void,
      ) => {
        response.setHeader('X-Frame-Options', 'SAMEORIGIN');
        response.setHeader('X-Content-Type-Options', 'nosniff');
        response.setHeader('Cache-Control', 'no-cache');
        if (request.headers['origin']) response.setHeader('Access-Control-Allow-Origin', '*');
        next();
      },
    );

  /** For callers who read Latin alone. */
  const setsForOne = (one: INestApplication, name: string, value: string): unknown =>
    one.use(
      (
        request: { readonly headers: Record<string, string> },
        response: { setHeader(name: string, value: string): void },
        next: () => void,
      ) => {
        if (request.headers['accept-language'] === 'la') response.setHeader(name, value);
        next();
      },
    );

  it.each(['handler', 'raw', 'interceptor'])(
    'has no header of middleware that its run has removed (%s)',
    async (name) => {
      const read = await open([], (one) => void helmet(one));
      for (const turn of [1, 2, 3]) {
        const { text, header } = await read(`framed/${name}`);
        expect([turn, text, header['x-frame-options'], header['x-content-type-options']]).toEqual([
          turn,
          '{"run":1}',
          undefined,
          'nosniff',
        ]);
      }
      expect((await read('framed/kept')).header['x-frame-options']).toBe('SAMEORIGIN');
    },
  );

  it('has no removed header either that middleware sets for another caller than the one whose request ran the handler', async () => {
    const read = await open([], (one) => void helmet(one));
    await read('framed/handler');
    const { text, header } = await read('framed/handler', { origin: 'https://other.example' });
    expect([text, header['access-control-allow-origin']]).toEqual(['{"run":1}', undefined]);
    expect((await read('framed/kept', { origin: 'https://other.example' })).header).toMatchObject({
      'access-control-allow-origin': '*',
    });
  });

  it('has a header that its run has set to what middleware sets for the caller whose request ran the handler alone', async () => {
    const read = await open([], (one) =>
      one.use(
        (
          request: { readonly headers: Record<string, string> },
          response: { setHeader(name: string, value: string): void },
          next: () => void,
        ) => {
          for (const name of ['Content-Language', 'X-Edition'])
            response.setHeader(name, request.headers['accept-language'] ?? '');
          next();
        },
      ),
    );
    for (const language of ['la', 'de', 'la']) {
      const { text, header } = await read('framed/latin', { 'accept-language': language });
      expect([language, text, header['content-language'], header['x-edition']]).toEqual([
        language,
        '{"run":1}',
        'la',
        'la',
      ]);
      const others = (await read('framed/kept', { 'accept-language': language })).header;
      expect([others['content-language'], others['x-edition']]).toEqual([language, language]);
    }
  });

  it('has the type that its handler has set by its own method to what middleware sets for the first caller', async () => {
    const read = await open([], (one) => void setsForOne(one, 'Content-Type', 'text/x-latin'));
    for (const headers of [{ 'accept-language': 'la' }, {}]) {
      const { text, header } = await read('framed/typed', headers);
      expect([text, header['content-type']]).toEqual(['text 1', expect.stringMatching(/^text\/x-latin/)]);
    }
  });

  if (platform === 'Fastify') {
    it('has a header that its handler has set to what middleware sets for the first caller, where replies have a setHeader as well', async () => {
      const read = await open([], (one) => {
        setsForOne(one, 'Content-Language', 'la');
        fastifyOf(one).decorateReply('setHeader', function (this: Response, name: string, value: string) {
          return this.header(name, value);
        });
      });
      for (const headers of [{ 'accept-language': 'la' }, {}]) {
        const { text, header } = await read('framed/latin', headers);
        expect([text, header['content-language']]).toEqual(['{"run":1}', 'la']);
      }
    });
  }

  it('has a header that was removed and set again', async () => {
    const read = await open([], (one) => void helmet(one));
    for (const _turn of [1, 2]) expect((await read('framed/again')).header['cache-control']).toBe('max-age=7');
  });

  const withoutPassword = (name: string, value: unknown): unknown => (name === 'password' ? undefined : value);
  const settings: Record<string, (app: INestApplication) => void> =
    platform === 'Express'
      ? {
          'json replacer': (one) => expressOf(one).set('json replacer', withoutPassword),
          'json spaces and escape': (one) => expressOf(one).set('json spaces', 2).set('json escape', true),
        }
      : {
          'a preSerialization hook': (one) =>
            fastifyOf(one).addHook('preSerialization', async (_request, _reply, payload) => ({
              ...(payload as object),
              password: undefined,
              hooked: true,
            })),
          'a serializer of replies': (one) =>
            fastifyOf(one).setReplySerializer((payload) => JSON.stringify(payload, withoutPassword)),
          'a serializer of one reply': (one) =>
            fastifyOf(one).addHook('onRequest', async (_request, reply) => {
              reply.type('text/x-bracketed').serializer((payload) => `<<${JSON.stringify(payload)}>>`);
            }),
          'a serializer of one reply, which has no type': (one) =>
            fastifyOf(one).addHook('onRequest', async (_request, reply) => {
              reply.serializer((payload) => `<<${JSON.stringify(payload)}>>`);
            }),
          'an onSend hook, once': (one) =>
            fastifyOf(one).addHook('onSend', async (_request, _reply, payload) =>
              typeof payload === 'string' || Buffer.isBuffer(payload) ? `sent ${payload.toString()}` : payload,
            ),
        };

  it.each(Object.keys(settings))('is serialized by the platform: %s', async (name) =>
    expectSame(await open([], settings[name]), 'object'),
  );

  if (platform === 'Express') {
    const patchJson = (one: INestApplication): unknown =>
      one.use((_: unknown, response: { json(body: unknown): unknown }, next: () => void) => {
        const json = response.json.bind(response);
        response.json = (body) => json({ seen: body });
        next();
      });

    it('goes around the cache where middleware has replaced what it would be sent by', async () => {
      const read = await open([], patchJson);
      for (const turn of [1, 2]) {
        const { text, header } = await read('cached/object');
        expect(text).toMatch(new RegExp(`^\\{"seen":\\{"run":${turn},`));
        expect(header['cache-status']).toBe('tiered-cache; fwd=bypass; detail=patched-response');
      }
    });

    it.each([
      ['public', 'max-age=60'],
      ['private', 'private, max-age=60'],
    ])(
      'varies by what keyedBy reads where middleware has replaced what it would be sent by (%s)',
      async (name, control) => {
        const read = await open([], patchJson);
        const { header } = await read(`keyed/${name}`, { 'x-tenant': 'a' });
        expect(header).toMatchObject({ 'cache-control': control, vary: 'Authorization, Cookie, x-tenant' });
      },
    );
  }
});
