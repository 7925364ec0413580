import { All, Controller, Get, Header, Headers, Res } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { compileSpliced } from '../../src/codec/spliced/compile-spliced.js';
import { hole } from '../../src/codec/spliced/hole.js';
import { renderSpliced } from '../../src/codec/spliced/render-spliced.js';
import type { RenderedDocument } from '../../src/codec/spliced/rendered-document.js';
import type { SplicedDocument } from '../../src/codec/spliced/spliced-document.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import type { CachedResponseOptions } from '../../src/http/cached-response-options.js';
import { ask } from '../support/ask.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

interface Passthrough {
  header(name: string, value: string): unknown;
}
const modified = 'Sat, 01 Jan 2000 00:00:00 GMT';
const options: CachedResponseOptions = {
  principal: 'anyone',
  fill: ({ headers }: { headers: { authorization?: string } }) => ({ 2: () => headers.authorization ?? 'nobody' }),
};

@Controller()
class Documents {
  @Get('handler')
  @CachedResponse(options)
  handler(@Res({ passthrough: true }) response: Passthrough): SplicedDocument {
    response.header('ETag', '"v1"');
    response.header('Last-Modified', modified);
    response.header('Repr-Digest', 'sha-256=:AA==:');
    return compileSpliced({ of: hole(2) });
  }

  @Get('decorators')
  @Header('ETag', '"v1"')
  @Header('Last-Modified', modified)
  @Header('Repr-Digest', 'sha-256=:AA==:')
  @CachedResponse(options)
  decorators(): SplicedDocument {
    return compileSpliced({ of: hole(2) });
  }
}

@Controller('unkept')
class UnkeptDocuments {
  @Get('around')
  @CachedResponse({ fill: options.fill as never })
  around(): SplicedDocument {
    return compileSpliced({ of: hole(2) });
  }

  @All('all')
  @CachedResponse(options)
  all(): SplicedDocument {
    return compileSpliced({ of: hole(2) });
  }

  @Get('cookie')
  @CachedResponse(options)
  cookie(@Res({ passthrough: true }) response: Passthrough): SplicedDocument {
    response.header('Set-Cookie', 'id=1');
    return compileSpliced({ of: hole(2) });
  }

  @Get('rendered')
  @CachedResponse({ headers: ['Authorization'] })
  rendered(@Headers('authorization') who: string): Promise<RenderedDocument> {
    return renderSpliced(compileSpliced({ of: hole(2) }), { 2: () => who });
  }

  @Get('unfilled')
  @CachedResponse({})
  unfilled(): SplicedDocument {
    return compileSpliced({ of: hole(2) });
  }
}

describe.each(platforms)('A spliced document on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app?.close());

  it.each(['handler', 'decorators'])(
    'has no tag, date or digest but those of what each request is sent (%s)',
    async (path) => {
      app = await listen(platform, { imports: [cacheModule()], controllers: [Documents] });
      const url = `${await app.getUrl()}/${path}`;
      const a = await ask(url, { authorization: 'a' });
      const b = await ask(url, { authorization: 'b', 'if-none-match': '"v1"' });
      const c = await ask(url, { authorization: 'c', 'if-modified-since': modified });
      expect([a.text, b.text, c.text]).toEqual(['{"of":"a"}', '{"of":"b"}', '{"of":"c"}']);
      expect(new Set([a, b, c].map(({ header }) => header['etag'])).size).toBe(3);
      for (const { header } of [a, b, c]) {
        expect([header['etag'], header['last-modified'], header['repr-digest']]).toEqual([
          expect.stringMatching(/^"[\w-]{27}"$/),
          undefined,
          undefined,
        ]);
      }
      expect((await ask(url, { authorization: 'a', 'if-none-match': a.header['etag'] ?? '' })).status).toBe(304);
    },
  );

  it.each(['around', 'cookie', 'rendered'])('is filled also where it is not kept (%s)', async (path) => {
    app = await listen(platform, { imports: [cacheModule()], controllers: [UnkeptDocuments] });
    const url = `${await app.getUrl()}/unkept/${path}`;
    for (const who of ['a', 'b', 'c']) {
      const { text, header } = await ask(url, { authorization: who });
      expect([text, header['content-type']]).toEqual([`{"of":"${who}"}`, 'application/json; charset=utf-8']);
      expect(header['cache-control']).toMatch(/^private/);
    }
    expect((await ask(`${url}/../unfilled`, { authorization: 'a' })).status).toBe(500);
  });

  it('is filled for every method of its route', async () => {
    app = await listen(platform, { imports: [cacheModule()], controllers: [UnkeptDocuments] });
    const url = `${await app.getUrl()}/unkept/all`;
    for (const method of ['GET', 'POST', 'PUT']) {
      const { text, header } = await ask(url, { authorization: 'a' }, method);
      expect([text, header['content-type']]).toEqual(['{"of":"a"}', 'application/json; charset=utf-8']);
      expect(header['cache-control']).toMatch(/^private/);
    }
  });
});
