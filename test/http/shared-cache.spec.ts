import {
  Controller,
  createParamDecorator,
  Get,
  Header,
  Headers,
  Injectable,
  NotFoundException,
  Req,
  Res,
  UseGuards,
  VersioningType,
} from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CachedResponse } from '../../src/http/cached-response.js';
import { ask } from '../support/ask.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import { startSharedCache } from '../support/nginx-process.js';
import type { SharedCache } from '../support/nginx-process.js';

interface Asker {
  readonly headers: Readonly<
    Record<'authorization' | 'cookie' | 'x-api-key' | 'x-tenant' | 'accept-language', string | undefined>
  >;
  user?: { readonly name: string };
}
interface Passthrough {
  header(name: string, value: string): unknown;
}

/** Whoever asks, by any of the ways in which a request can say it. */
const nameOf = ({ headers, user }: Asker): string =>
  user?.name ?? headers.authorization ?? headers.cookie ?? headers['x-api-key'] ?? headers['x-tenant'] ?? 'nobody';
const Asking = createParamDecorator((_: unknown, context: ExecutionContext) =>
  nameOf(context.switchToHttp().getRequest<Asker>()),
);

@Injectable()
class FindsUser implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Asker>();
    const name = request.headers['x-api-key'];
    if (name !== undefined) request.user = { name };
    return true;
  }
}
class LetsKeysIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<Asker>().headers['x-api-key'] !== undefined;
  }
}

@Controller('named')
class NamedAnswers {
  /** The control: what this says, and this shared cache believes, is wrong. */
  @Get('control')
  @Header('Cache-Control', 'public, max-age=60')
  control(@Req() request: Asker): object {
    return { who: nameOf(request) };
  }

  @Get('principal')
  @CachedResponse({ ttl: '1m', principal: nameOf })
  principal(@Req() request: Asker): object {
    return { who: nameOf(request) };
  }

  @Get('maybe')
  @CachedResponse({ ttl: '1m', principal: (request: Asker) => request.headers['x-api-key'] ?? null })
  maybe(@Req() request: Asker): object {
    return { who: request.headers['x-api-key'] ?? 'nobody' };
  }

  @Get('tenant')
  @CachedResponse({ ttl: '1m', keyedBy: (request: Asker) => [request.headers['x-tenant']] })
  tenant(@Asking() who: string): object {
    return { who };
  }

  @Get('guarded')
  @UseGuards(FindsUser)
  @CachedResponse({ ttl: '1m', headers: ['X-Api-Key'] })
  guarded(@Headers('x-api-key') who = 'nobody'): object {
    return { who };
  }

  @Get('says-public')
  @Header('Cache-Control', 'public, max-age=60')
  @CachedResponse({ ttl: '1m', principal: nameOf })
  saysPublic(@Req() request: Asker): object {
    return { who: nameOf(request) };
  }

  @Get('missing')
  @Header('Cache-Control', 'public, max-age=60')
  @CachedResponse({ ttl: '1m', principal: nameOf })
  missing(@Req() request: Asker): object {
    throw new NotFoundException(nameOf(request));
  }
}

@Controller('doors')
class Doors {
  @Get('anyone')
  @UseGuards(LetsKeysIn)
  @CachedResponse({ ttl: '1m', principal: 'anyone' })
  anyone(): object {
    return { behind: 'the door' };
  }
}

@Controller('language')
class Languages {
  @Get('keyed')
  @CachedResponse({ ttl: '1m', headers: ['Accept-Language'] })
  keyed(@Headers('accept-language') language: string): object {
    return { language };
  }

  @Get('varied')
  @CachedResponse({ ttl: '1m', keyedBy: () => [] })
  varied(@Req() { headers }: Asker, @Res({ passthrough: true }) response: Passthrough): object {
    response.header('Vary', 'Accept-Language');
    return { language: headers['accept-language'] };
  }
}

@Controller({ path: 'cats', version: '1' })
class CatsV1 {
  @Get()
  @CachedResponse({ ttl: '1m' })
  read(): object {
    return { version: 1 };
  }
}
@Controller({ path: 'cats', version: '2' })
class CatsV2 {
  @Get()
  @CachedResponse({ ttl: '1m' })
  read(): object {
    return { version: 2 };
  }
}

let pages = 0;
@Controller('open')
class OpenAnswers {
  @Get('page')
  @CachedResponse({ ttl: '1m' })
  page(): object {
    return { page: ++pages };
  }

  @Get('session')
  @CachedResponse({ ttl: '1m', principal: 'anyone' })
  session(): object {
    return { page: ++pages };
  }

  @Get('control')
  @Header('Cache-Control', 'public, max-age=60')
  control(): object {
    return { page: ++pages };
  }
}

describe.each(platforms)('A shared cache in front of @CachedResponse on %s', (platform) => {
  let app: INestApplication;
  let shared: SharedCache | undefined;
  afterEach(async () => {
    await shared?.stop();
    await app?.close();
  });

  const open = async (
    prepare?: (app: INestApplication) => void,
    keepsCookies = false,
  ): Promise<(path: string, headers?: Record<string, string>) => ReturnType<typeof ask>> => {
    pages = 0;
    const controllers = [NamedAnswers, Doors, Languages, CatsV1, CatsV2, OpenAnswers];
    app = await listen(platform, { imports: [cacheModule()], controllers }, (one) => {
      one.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' });
      prepare?.(one);
    });
    const { port } = new URL(await app.getUrl());
    shared = await startSharedCache(`http://127.0.0.1:${port}`, keepsCookies);
    const { url } = shared;
    return (path, headers) => ask(`${url}/${path}`, headers);
  };

  it('keeps what is public and not what is not, so these tests can fail', async () => {
    const read = await open();
    expect((await read('open/page')).header['x-shared']).toBe('MISS');
    const { header, text } = await read('open/page');
    expect([header['x-shared'], text]).toEqual(['HIT', '{"page":1}']);
    await read('named/control', { authorization: 'ada' });
    expect((await read('named/control', { authorization: 'bob' })).text).toBe('{"who":"ada"}');
  });

  const ways = ['authorization', 'cookie', 'x-api-key', 'x-tenant'];
  const routes: [path: string, ways: string[]][] = [
    ['named/principal', ways],
    ['named/maybe', ['x-api-key']],
    ['named/tenant', ['x-tenant']],
    ['named/guarded', ['x-api-key']],
    ['named/says-public', ways],
    ['named/missing', ways],
  ];

  it.each(routes)("never gives one caller's answer to another (%s)", async (path, by) => {
    const read = await open();
    const said = (who: string): string => (path === 'named/missing' ? `"message":"${who}"` : `{"who":"${who}"}`);
    for (const way of by) {
      for (const who of [undefined, 'ada', 'bob', undefined, 'bob', 'ada', 'ada']) {
        const { text } = await read(path, who === undefined ? {} : { [way]: who });
        expect([way, who, text]).toEqual([way, who, expect.stringContaining(said(who ?? 'nobody'))]);
      }
    }
  });

  it('lets nobody past a guard by the answer that another was given', async () => {
    const read = await open();
    expect((await read('doors/anyone', { 'x-api-key': 'one' })).status).toBe(200);
    expect((await read('doors/anyone', { 'x-api-key': 'one' })).status).toBe(200);
    expect((await read('doors/anyone')).status).toBe(403);
  });

  it.each(['language/keyed', 'language/varied'])('tells languages apart (%s)', async (path) => {
    const read = await open();
    for (const language of ['en', 'de', 'en', 'de']) {
      expect((await read(path, { 'accept-language': language })).text).toBe(`{"language":"${language}"}`);
    }
  });

  it('tells versions apart that a header chooses', async () => {
    const read = await open();
    for (const version of ['1', '2', '1', '2']) {
      expect((await read('cats', { 'x-version': version })).text).toBe(`{"version":${version}}`);
    }
  });

  it('hands no cookie of one caller to another, even if it keeps answers with cookies', async () => {
    let sessions = 0;
    const read = await open((one) => {
      one.use((_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
        response.setHeader('Set-Cookie', `session=${++sessions}`);
        next();
      });
    }, true);
    const cookiesOf = async (path: string): Promise<(string | undefined)[]> =>
      [await read(path), await read(path)].map(({ header }) => header['set-cookie']);
    for (const path of ['open/page', 'open/session']) expect(new Set(await cookiesOf(path)).size).toBe(2);
    expect(new Set(await cookiesOf('open/control')).size).toBe(1);
  });
});
