import { request as asking } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { createGzip, gunzipSync, gzipSync } from 'node:zlib';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TieredFiles } from '../../src/file/tiered-files.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { send } from '../../src/http/send.js';
import { TieredFilesModule } from '../../src/module/tiered-files.module.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { diskDirectory } from '../support/disk-directory.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import type { Platform } from '../support/nest-application.js';

const text = 'compressible '.repeat(500);

@Controller()
class TextController {
  constructor(private readonly files: TieredFiles) {}

  @Get('answer')
  @CachedResponse({ ttl: '5m' })
  answer(): string {
    return text;
  }

  @Get('file')
  async file(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<unknown> {
    return send(await this.files.open({ uid: 'text', key: 'text' }), request, response, { cacheControl: 'private' });
  }
}

const compresses = (control: unknown, { headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers['accept-encoding'] === 'gzip' && !/no-transform/.test(String(control));

/** Compresses what it may, when the headers go, as packages for it do. */
function compressWithExpress(app: INestApplication): void {
  app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
    const end = response.end.bind(response) as (body?: unknown) => ServerResponse;
    const gzipEnd = (body?: unknown): ServerResponse => {
      if (!Buffer.isBuffer(body) || !compresses(response.getHeader('cache-control'), request)) return end(body);
      response.setHeader('Content-Encoding', 'gzip');
      response.removeHeader('Content-Length');
      return end(gzipSync(body));
    };
    response.end = gzipEnd as typeof response.end;
    next();
  });
}

interface Reply {
  getHeader(name: string): unknown;
  header(name: string, value: string): Reply;
  removeHeader(name: string): Reply;
}
interface Hooks {
  addHook(name: 'onSend', hook: (request: IncomingMessage, reply: Reply, body: unknown) => Promise<unknown>): void;
}

function compressWithFastify(app: INestApplication): void {
  (app.getHttpAdapter().getInstance() as Hooks).addHook('onSend', async (request, reply, body) => {
    if (typeof body !== 'object' || body === null || !compresses(reply.getHeader('cache-control'), request))
      return body;
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    return Buffer.isBuffer(body) ? gzipSync(body) : (body as Readable).pipe(createGzip());
  });
}

const compressWith: Record<Platform, (app: INestApplication) => void> = {
  Express: compressWithExpress,
  Fastify: compressWithFastify,
};

describe.each(platforms)('Where %s compresses what is sent', (platform) => {
  const directory = diskDirectory();
  let app: INestApplication;
  beforeAll(async () => {
    const objects = memoryObjectStore();
    await objects.put('text', text, { contentType: 'text/plain' });
    const files = TieredFilesModule.forRoot({ objects, directory: directory.path, maxBytes: '1gib' });
    app = await listen(
      platform,
      { imports: [cacheModule(), files], controllers: [TextController] },
      compressWith[platform],
    );
    await get('file'); // what is cold is sent as it comes
  });
  afterAll(async () => {
    await app.close();
    directory.remove();
  });

  async function get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ readonly status: number | undefined; readonly headers: IncomingHttpHeaders; readonly body: Buffer }> {
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      asking({ port, host: '127.0.0.1', path: `/${path}`, headers, agent: false }, resolve)
        .on('error', reject)
        .end();
    });
    return { status: answer.statusCode, headers: answer.headers, body: await buffer(answer) };
  }

  const gzip = { 'accept-encoding': 'gzip' };

  it.each(['answer', 'file'])('the tag of compressed bytes is a weak one, and still answers (%s)', async (path) => {
    const plain = await get(path);
    expect(plain.headers.etag).toMatch(/^"/);
    expect(plain.body.toString()).toBe(text);
    const { headers, body } = await get(path, gzip);
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', etag: `W/${plain.headers.etag}` });
    expect(gunzipSync(body).toString()).toBe(text);
    expect((await get(path, { ...gzip, 'if-none-match': headers.etag as string })).status).toBe(304);
    // The rest of the plain bytes would not be the rest of these.
    const range = 'bytes=10-';
    expect((await get(path, { range, 'if-range': headers.etag as string })).status).toBe(200);
  });

  it('a part of a file is sent as it is, since its range counts these bytes', async () => {
    const { status, headers, body } = await get('file', { ...gzip, range: 'bytes=1-5' });
    expect({ status, range: headers['content-range'] }).toEqual({ status: 206, range: `bytes 1-5/${text.length}` });
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers['cache-control']).toBe('private, no-transform');
    expect(body.toString()).toBe(text.slice(1, 6));
  });
});
