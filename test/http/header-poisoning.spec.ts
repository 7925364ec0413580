import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { Controller, Get, Headers, Param, Query } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CachedResponse } from '../../src/http/cached-response.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

type Named = { headers: Record<string, string | undefined> };
let runs = 0;

/** What each handler answers is what it was asked, by all that it can read. */
@Controller('echo')
class EchoController {
  @Get('plain')
  @CachedResponse({ ttl: '5m' })
  plain(): object {
    runs++;
    return { plain: true };
  }

  @Get('of/:slug')
  @CachedResponse({ ttl: '5m', query: ['page'], headers: ['X-Locale'] })
  of(@Param('slug') slug: string, @Query('page') page: unknown, @Headers('x-locale') locale?: string): object {
    runs++;
    return { slug, page: page ?? null, locale: locale ?? null };
  }

  @Get('mine')
  @CachedResponse({ ttl: '5m', principal: ({ headers }: Named) => headers['authorization'] ?? null })
  mine(@Headers('authorization') user?: string): object {
    runs++;
    return { user: user ?? null };
  }
}

interface Raw {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Byte by byte as given: clients of HTTP refuse to send some of this. */
function send(port: number, target: string, lines: readonly string[] = [], method = 'GET', body = ''): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: shop.example'];
    const head = [`${method} ${target} HTTP/1.1`, ...host, ...lines, 'Connection: close', '', body].join('\r\n');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('end', () => {
      const [given = '', ...rest] = text.split('\r\n\r\n');
      resolve({ status: Number(given.split(' ')[1]), head: given, body: rest.join('\r\n\r\n') });
    });
    socket.write(Buffer.from(head, 'latin1'));
  });
}

/** What somebody sends before an innocent caller: nothing of it may be in what that one is given. */
const poisons: readonly (readonly [string, readonly string[]])[] = [
  ['another host', ['Host: evil.example']],
  ['hosts of proxies', ['X-Forwarded-Host: evil.example', 'X-Host: evil.example', 'Forwarded: host=evil.example']],
  ['another scheme and port', ['X-Forwarded-Proto: evil', 'X-Forwarded-Scheme: evil', 'X-Forwarded-Port: 666']],
  ['another address', ['X-Forwarded-For: evil', 'X-Real-IP: evil', 'True-Client-IP: evil']],
  ['another path', ['X-Original-URL: /evil', 'X-Rewrite-URL: /evil', 'X-Forwarded-Prefix: /evil']],
  ['another method', ['X-HTTP-Method-Override: DELETE', 'X-HTTP-Method: evil', 'X-Method-Override: evil']],
  ['a range', ['Range: bytes=0-2', 'If-Range: "evil"']],
  ['conditions', ['If-None-Match: *', 'If-Modified-Since: Fri, 01 Jan 2999 00:00:00 GMT', 'If-Match: "evil"']],
  ['what a cache should do', ['Cache-Control: no-store, evil', 'Pragma: evil', 'X-Tiered-Cache: evil', 'Age: 666']],
  [
    'what an answer has',
    ['Set-Cookie: evil=1', 'Content-Type: evil/evil', 'ETag: "evil"', 'Vary: evil', 'Location: /evil'],
  ],
  ['encodings', ['Accept-Encoding: evil', 'TE: evil', 'Accept: evil/evil', 'Accept-Charset: evil']],
  ['names of objects', ['__proto__: evil', 'constructor: evil', 'toString: evil', 'hasOwnProperty: evil']],
  ['a large one', [`X-Large: ${'evil'.repeat(2_000)}`]],
  ['one header twice', ['X-Evil: evil', 'X-Evil: evil']],
];

describe.each(platforms)('headers that nobody asked for, on %s', (platform) => {
  let app: INestApplication;
  let port: number;
  beforeEach(async () => {
    runs = 0;
    app = await listen(
      platform,
      { imports: [cacheModule()], controllers: [EchoController] },
      (made) => platform === 'Express' && (made as NestExpressApplication).set('query parser', 'extended'),
    );
    port = ((app.getHttpServer() as Server).address() as AddressInfo).port;
  });
  afterEach(() => app.close());

  it.each(poisons)('change nothing for the next caller: %s', async (_, lines) => {
    await send(port, '/echo/plain', lines);
    await send(port, '/echo/plain', lines, 'HEAD');
    const next = await send(port, '/echo/plain');
    expect([next.status, next.body]).toEqual([200, '{"plain":true}']);
    expect(next.head).toMatch(/^content-length: 14\r?$/im);
    expect(next.head).not.toMatch(/evil|666|set-cookie|location/i);
    expect(runs).toBeLessThanOrEqual(2);
    // And it was kept for all.
    const before = runs;
    expect((await send(port, '/echo/plain')).body).toBe('{"plain":true}');
    expect(runs).toBe(before);
  });

  it('are told apart where the handler reads them, whatever they hold', async () => {
    const locales = [
      'de',
      'de ',
      ' de',
      'DE',
      'de;q=1',
      'de, de',
      '-',
      '=2:de',
      '[1]',
      'null',
      '__proto__',
      'd\u00e9',
      '"',
      "'",
    ];
    for (const turn of [1, 2]) {
      for (const locale of locales) {
        const { body } = await send(port, '/echo/of/a', [`X-Locale: ${locale}`]);
        const seen = JSON.parse(Buffer.from(body, 'latin1').toString('utf8')) as { locale: string };
        expect({ turn, locale: seen.locale }).toEqual({ turn, locale: locale.trim() });
      }
      expect(JSON.parse((await send(port, '/echo/of/a')).body)).toMatchObject({ locale: null });
      // Two of one name are one list.
      expect(JSON.parse((await send(port, '/echo/of/a', ['X-Locale: de', 'X-Locale: fr'])).body)).toMatchObject({
        locale: 'de, fr',
      });
    }
    // Spaces around a value are not the value's.
    expect(runs).toBe(new Set(locales.map((locale) => locale.trim())).size + 2);
  });

  it('that say who asks name nobody else: each caller has an answer of his own', async () => {
    const users = [
      'ada',
      'Ada',
      'ada ada',
      'ada, bob',
      'null',
      'undefined',
      'anyone',
      '__proto__',
      'constructor',
      '0',
      '-',
      '=3:ada',
      "ada' for 'bob",
      'ada for =3:bob',
      'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.',
      'eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.',
    ];
    for (const turn of [1, 2]) {
      for (const user of users) {
        const { body, head } = await send(port, '/echo/mine', [`Authorization: ${user}`]);
        expect({ turn, seen: JSON.parse(body) as object }).toEqual({ turn, seen: { user } });
        expect(head).toMatch(/^cache-control: private/im);
      }
      expect((await send(port, '/echo/mine')).body).toBe('{"user":null}');
    }
    expect(runs).toBe(users.length + 1);
  });

  it('and credentials, however they are written, are given no shared answer and make none', async () => {
    await send(port, '/echo/plain');
    for (const line of [
      'Authorization: x',
      'AUTHORIZATION: Bearer',
      'authorization:',
      'Cookie: a',
      'COOKIE: =',
      'Authorization:  none',
      'Cookie: a=1\r\nCookie: b=2',
    ]) {
      const { head } = await send(port, '/echo/plain', [line]);
      const hasValue = /: *\S/.test(line);
      if (hasValue) expect(head).toMatch(/^cache-control: private, no-store\r?$/im);
      expect((await send(port, '/echo/plain')).head).toMatch(/^cache-control: public/im);
    }
  });

  it('line breaks, in a parameter, in the query or in the key that is shown, begin no header', async () => {
    for (const target of [
      '/echo/of/a%0d%0aSet-Cookie:%20evil=1',
      '/echo/of/a?page=%0d%0a%0d%0a<script>',
      '/echo/of/%E2%80%A8evil%0A',
    ]) {
      for (const _turn of [1, 2]) {
        const { status, head, body } = await send(port, target);
        expect(status).toBe(200);
        expect(head).not.toMatch(/^(set-cookie|<script)/im);
        expect(head.split('\r\n').every((line) => /^[\x20-\x7e]*$/.test(line))).toBe(true);
        expect(body).toMatch(/^\{"slug":/);
      }
    }
    const refused = await send(port, '/echo/of/a', ['X-Locale: a\rSet-Cookie: evil=1']);
    expect(refused.status).toBe(400);
  });

  it('names of objects in the query pollute no prototype and are no other page', async () => {
    const queries = [
      'page=1',
      'page=',
      'page',
      'page=1&page=2',
      'page[]=1',
      'page[__proto__][evil]=1',
      'page[constructor][prototype][evil]=1',
      '__proto__[page]=1',
      '__proto__=1',
      'constructor=1',
      'page[toString]=1',
      'page[toJSON]=1',
      'page[length]=9',
      'page=%ED%A0%80',
      'page=%00',
      '',
    ];
    const bodies: string[] = [];
    for (const turn of [1, 2]) {
      for (const [index, query] of queries.entries()) {
        const { status, body } = await send(port, `/echo/of/a?${query}`);
        expect({ query, status }).toEqual({ query, status: 200 });
        if (turn === 1) bodies.push(body);
        else expect({ query, body }).toEqual({ query, body: bodies[index] });
      }
    }
    expect(({} as { evil?: unknown }).evil).toBeUndefined();
  });

  it('what makes a key too long goes around the cache, and is no error', async () => {
    for (const _turn of [1, 2]) {
      const { status, head, body } = await send(port, `/echo/of/a?page=${'%C3%A9'.repeat(1_500)}`);
      expect(status).toBe(200);
      expect(body).toContain('"slug":"a"');
      expect(head).toMatch(/^cache-status: tiered-cache; fwd=bypass; detail=long-key\r?$/im);
      const long = await send(port, '/echo/of/a', [`X-Locale: ${'x'.repeat(9_000)}`]);
      expect([long.status, long.body.length > 9_000]).toEqual([200, true]);
    }
    expect((await send(port, '/echo/of/a')).status).toBe(200);
  });
});
