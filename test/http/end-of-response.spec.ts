import type { Server, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { Controller, Get, Param, Res, StreamableFile, ImATeapotException, UseInterceptors } from '@nestjs/common';
import type { CallHandler, ExecutionContext, INestApplication, NestInterceptor } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CachedResponse } from '../../src/http/cached-response.js';
import { ask } from '../support/ask.js';
import { askWithoutConnection } from '../support/ask-without-connection.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

type PlatformResponse = ServerResponse | { readonly raw: ServerResponse };

let heard: string[] = [];
/** How many listeners to the end of a response were more than Node allows, which it warns of as of a leak. */
let tooMany = 0;

function countListeners(_request: unknown, response: ServerResponse, next: () => void): void {
  response.on('newListener', (event) => {
    if (event === 'close' && response.listenerCount('close') >= response.getMaxListeners()) tooMany++;
  });
  next();
}

function listenTo(who: string, response: PlatformResponse): void {
  const raw = 'raw' in response ? response.raw : response;
  raw.on('finish', () => heard.push(`${who} finish`));
  raw.on('close', () => heard.push(`${who} close`));
}

/** As interceptors do which log how long a request took. */
class Logs implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    listenTo('interceptor', context.switchToHttp().getResponse<PlatformResponse>());
    return next.handle();
  }
}

@UseInterceptors(Logs)
@Controller('ends')
class EndsController {
  @Get(':kind')
  @CachedResponse({ maxBodyBytes: 10 })
  read(@Param('kind') kind: string, @Res({ passthrough: true }) response: PlatformResponse): unknown {
    listenTo('handler', response);
    if (kind === 'error') throw new ImATeapotException();
    if (kind === 'short') return 'short';
    const body = Readable.from(['more than ', 'ten bytes']);
    // What feeds it is given back when the response ends, and not before.
    body.once('end', () => heard.push('read'));
    return new StreamableFile(body);
  }
}

describe.each(platforms)('Listeners to the response of a cached route on %s', (platform) => {
  let app: INestApplication;
  beforeAll(async () => {
    app = await listen(platform, { imports: [cacheModule()], controllers: [EndsController] }, (one) =>
      one.use(countListeners),
    );
  });
  afterAll(() => app.close());

  it.each(['short', 'error', 'long'])('hear its end, and are no more than a response may have: %s', async (kind) => {
    heard = [];
    tooMany = 0;
    await ask(`${await app.getUrl()}/ends/${kind}`);
    const ends = ['interceptor finish', 'handler finish', 'interceptor close', 'handler close'];
    await eventually(() => expect(heard).toEqual(kind === 'long' ? ['read', ...ends] : ends));
    expect(tooMany).toBe(0);
  });

  it('hear it also if there is no connection that is closed', async () => {
    heard = [];
    await askWithoutConnection(app.getHttpServer() as Server, '/ends/long');
    await eventually(() => expect(heard).toEqual(expect.arrayContaining(['handler finish', 'handler close'])));
  });
});
