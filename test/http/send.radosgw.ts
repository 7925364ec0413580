import { readdirSync } from 'node:fs';
import { Agent, request as ask } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module, Param, Req, Res } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TieredFiles } from '../../src/file/tiered-files.js';
import { send } from '../../src/http/send.js';
import { TieredFilesModule } from '../../src/module/tiered-files.module.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { s3ObjectStore } from '../../src/object/s3/s3-object-store.js';
import { patterned } from '../file/support/files-bench.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { listen, platforms } from '../support/nest-application.js';
import { createBucket, radosgw, radosgwClient } from '../support/radosgw.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const content = patterned(1_000_003);

@Controller('files')
class FilesController {
  constructor(private readonly files: TieredFiles) {}

  @Get(':uid')
  async read(
    @Param('uid') uid: string,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<unknown> {
    return send(await this.files.open({ uid, key: `media/${uid}` }), request, response);
  }
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function answerOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = ask(url, { method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject).end();
  });
}

describe.each(platforms)('A file of radosgw sent by %s', (platform) => {
  const directory = diskDirectory();
  const client = radosgwClient();
  let proxy: TcpProxy;
  let store: ObjectStore;
  let app: INestApplication;
  let etag: string;
  let lastModified: string;
  beforeAll(async () => {
    const bucket = await createBucket(`send-${platform.toLowerCase()}`);
    proxy = await startTcpProxy(radosgw.port);
    store = s3ObjectStore({ client, bucket });
    ({ etag } = await store.put('media/one', content, { contentType: 'audio/mp4' }));
    lastModified = (await store.head('media/one'))?.lastModified?.toUTCString() as string;
    await store.put('media/empty', '');
    await store.put('media/large', patterned(100_000_000));
    const behind = s3ObjectStore({ client: radosgwClient(proxy.port), bucket });
    @Module({
      imports: [TieredFilesModule.forRoot({ objects: behind, directory: directory.path, maxBytes: '2gib' })],
      controllers: [FilesController],
    })
    class FilesApplication {}
    app = await listen(platform, { imports: [FilesApplication] });
  });
  afterAll(async () => {
    await app.close();
    await proxy.close();
    client.destroy();
    directory.remove();
  });

  const server = (): Server => app.getHttpServer() as Server;
  const urlOf = (uid: string): string => `http://127.0.0.1:${(server().address() as AddressInfo).port}/files/${uid}`;

  const ranges = [
    '0-0',
    '0-',
    '1-2',
    '-1',
    '-5',
    '1000002-',
    '1000003-',
    '999999-2000000',
    '-2000000',
    '5-2000000',
    '500000-500009',
  ];
  const cases: [string, (tag: string, date: string) => Record<string, string>][] = [
    ['nothing', () => ({})],
    ...ranges.map((range): [string, () => Record<string, string>] => [
      `bytes=${range}`,
      () => ({ range: `bytes=${range}` }),
    ]),
    ['If-None-Match of this one', (tag) => ({ 'if-none-match': tag })],
    ['If-None-Match of another', () => ({ 'if-none-match': '"0123"' })],
    ['If-None-Match and a range', (tag) => ({ 'if-none-match': tag, range: 'bytes=1-2' })],
    ['If-Match of this one, and a range', (tag) => ({ 'if-match': tag, range: 'bytes=1-2' })],
    ['If-Match of another', () => ({ 'if-match': '"0123"' })],
    ['If-Modified-Since its date', (_, date) => ({ 'if-modified-since': date })],
    ['If-Unmodified-Since its date', (_, date) => ({ 'if-unmodified-since': date })],
    ['If-Unmodified-Since long ago', () => ({ 'if-unmodified-since': new Date(1e12).toUTCString() })],
  ];

  it.each(cases)('is what radosgw answers, byte for byte: %s', async (_, headersOf) => {
    const headers = headersOf(etag, lastModified);
    const link = await store.presign('media/one', { method: 'GET', expiresIn: '5m' });
    const [own, theirs] = await Promise.all([answerOf(urlOf('one'), headers), answerOf(link.url, headers)]);
    expect(own.status).toBe(theirs.status);
    if (own.status >= 400 || own.status === 304) return;
    for (const name of ['content-length', 'content-range', 'content-type', 'etag', 'accept-ranges', 'last-modified']) {
      expect([name, own.headers[name]]).toEqual([name, theirs.headers[name]]);
    }
    expect(own.body.equals(theirs.body)).toBe(true);
  });

  it.each([
    // Ceph 16 answers the first of several ranges, and knows no If-Range: RFC 9110 is followed.
    ['several ranges', () => ({ range: 'bytes=1-2,5-6' }), 200],
    ['If-Range of another version', () => ({ range: 'bytes=1-2', 'if-range': '"0123"' }), 200],
    ['If-Range of this version', (tag: string) => ({ range: 'bytes=1-2', 'if-range': tag }), 206],
  ])('is what RFC 9110 says: %s', async (_, headersOf, status) => {
    const own = await answerOf(urlOf('one'), headersOf(etag));
    expect(own.status).toBe(status);
    expect(own.body.equals(status === 200 ? content : content.subarray(1, 3))).toBe(true);
  });

  it('of no bytes is what radosgw answers', async () => {
    const link = await store.presign('media/empty', { method: 'GET', expiresIn: '5m' });
    for (const headers of [{}, { range: 'bytes=0-' }]) {
      const [own, theirs] = await Promise.all([answerOf(urlOf('empty'), headers), answerOf(link.url, headers)]);
      expect(own.status).toBe(theirs.status);
      if (own.status === 200) expect(own.body).toHaveLength(0);
    }
  });

  it('lets go of five hundred clients that leave in the middle', async () => {
    await answerOf(urlOf('one'), {});
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const connections = (): Promise<number> =>
      new Promise((resolve) => server().getConnections((_, count) => resolve(count)));
    await eventually(async () => expect(await connections()).toBe(0));
    const before = descriptors();
    const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
    let answers = 0;
    const clients = Array.from({ length: 500 }, () => {
      const sent = ask(urlOf('large'), { agent });
      sent
        .on('error', () => undefined)
        .on('response', (answer) => {
          answer
            .on('error', () => undefined)
            .once('data', () => {
              answers++;
              // It reads no more: its stream waits in the middle.
              answer.pause();
            });
        });
      sent.end();
      return sent;
    });
    try {
      await eventually(() => expect(answers).toBe(500), { withinMs: 120_000 });
    } catch (error) {
      // What stays open would keep the application from its end.
      for (const one of clients) one.destroy();
      throw error;
    }
    const during = descriptors();
    for (const one of clients) one.destroy();
    const leftAt = performance.now();
    await eventually(
      async () =>
        expect({ sockets: await connections(), more: Math.max(0, descriptors() - before) }).toEqual({
          sockets: 0,
          more: 0,
        }),
      { withinMs: 5_000 },
    );
    console.log(
      `${platform}: 500 clients left. Descriptors: ${before} before, ${during} during, ${descriptors()} after ${Math.round(performance.now() - leftAt)} ms; ` +
        `connections to radosgw: ${proxy.openConnections}`,
    );
  });
});
