import { BadGatewayException, Controller, Get } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

let runs = 0;
let gate: Promise<void> | undefined;
/** What the handlers read. */
let row = 'before';

async function readRow(): Promise<string> {
  runs++;
  const read = row;
  await gate;
  if (read === 'unreachable') throw new BadGatewayException();
  return read;
}

@Controller()
class Rows {
  @Get('zero')
  @CachedResponse({ ttl: 0 })
  zero(): Promise<string> {
    return readRow();
  }

  @Get('tagged')
  @CachedResponse({ ttl: '0s', tags: () => ['rows'] })
  tagged(): Promise<string> {
    return readRow();
  }

  @Get('default')
  @CachedResponse()
  default(): Promise<string> {
    return readRow();
  }

  @Get('default-tagged')
  @CachedResponse({ tags: () => ['rows'] })
  defaultTagged(): Promise<string> {
    return readRow();
  }

  @Get('kept')
  @CachedResponse({ ttl: '1h' })
  kept(): Promise<string> {
    return readRow();
  }
}

describe.each(platforms)('A handler whose answers live for 0, on %s', (platform) => {
  const apps: INestApplication[] = [];
  let release = (): void => undefined;
  afterEach(async () => {
    release();
    for (const app of apps.splice(0)) await app.close();
  });

  /** Two processes of one store. */
  async function open(defaults: EntryOptions): Promise<string[]> {
    runs = 0;
    row = 'before';
    gate = undefined;
    const stores = memoryStore();
    for (let count = 0; count < 2; count++)
      apps.push(await listen(platform, { imports: [cacheModule({ stores, defaults })], controllers: [Rows] }));
    return Promise.all(apps.map((app) => app.getUrl()));
  }

  const routes: [string, EntryOptions][] = [
    ['zero', {}],
    ['tagged', {}],
    ['default', { ttl: 0 }],
    ['default-tagged', { ttl: 0 }],
  ];

  it.each(routes)('runs for each request, and none waits for another’s run (%s)', async (path, defaults) => {
    const [one, two] = await open(defaults);
    gate = new Promise((resolve) => (release = resolve));
    const begun = (count: number) => eventually(() => expect(runs).toBe(count));
    const first = ask(`${one}/${path}`);
    await begun(1);
    row = 'after'; // whoever has written it is answered, and asks
    const same = ask(`${one}/${path}`);
    await begun(2);
    const other = ask(`${two}/${path}`);
    await begun(3);
    release();
    expect((await Promise.all([first, same, other])).map(({ text }) => text)).toEqual(['before', 'after', 'after']);
    expect((await ask(`${one}/${path}`)).header['cache-status']).toMatch(/^tiered-cache; fwd=miss; fwd-status=200/);
    expect(runs).toBe(4);
  });

  it.each(routes)('runs again for whoever asks after it has failed (%s)', async (path, defaults) => {
    const [one] = await open(defaults);
    row = 'unreachable';
    expect((await ask(`${one}/${path}`)).status).toBe(502);
    row = 'reached';
    expect((await ask(`${one}/${path}`)).text).toBe('reached');
  });

  it('keeps its answers where it has a life of its own', async () => {
    const [one, two] = await open({ ttl: 0 });
    for (const url of [one, two]) expect((await ask(`${url}/kept`)).text).toBe('before');
    expect(runs).toBe(1);
  });
});
