import { Controller, Get, Query, Res, ServiceUnavailableException } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { UnkeptKeys } from '../../src/http/unkept-keys.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { ask } from '../support/ask.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

interface Passthrough {
  header(name: string, value: string): unknown;
}
let runs = 0;
let setsCookies = true;
let fails = false;
let gate: Promise<void> | undefined;

@Controller()
class Pages {
  @Get('page')
  @CachedResponse({ ttl: '1h', query: ['id'] })
  async page(@Res({ passthrough: true }) response: Passthrough, @Query('id') id?: string): Promise<object> {
    const run = ++runs;
    if (setsCookies) response.header('Set-Cookie', `run=${run}`);
    response.header('X-Request-Id', `${run}`);
    await gate;
    if (fails) throw new ServiceUnavailableException();
    return { run, id };
  }

  @Get('hot')
  @CachedResponse({ ttl: '1h', staleFor: '1h', tags: ['hot'] })
  async hot(@Res({ passthrough: true }) response: Passthrough): Promise<object> {
    const run = ++runs;
    if (setsCookies) response.header('Set-Cookie', `run=${run}`);
    await gate;
    return { run };
  }
}

describe.each(platforms)('An answer that is not kept, on %s', (platform) => {
  const apps: INestApplication[] = [];
  let finish = (): void => undefined;
  beforeEach(() => {
    [runs, setsCookies, fails, gate] = [0, true, false, undefined];
  });
  afterEach(async () => {
    finish();
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  const open = async (stores = memoryStore(), path = 'page'): Promise<string> => {
    const app = await listen(platform, { imports: [cacheModule({ stores })], controllers: [Pages] });
    apps.push(app);
    return `${await app.getUrl()}/${path}`;
  };
  const hold = (): void => {
    gate = new Promise((resolve) => (finish = resolve));
  };
  const facts = async (url: string) => {
    const { text, header } = await ask(url);
    const { run } = JSON.parse(text) as { run: number };
    return [run, header['set-cookie'], header['cache-status']?.replace(/ttl=\d+/, 'ttl=N')];
  };

  it('has nobody wait for another run of it, here or in another process', async () => {
    const store = memoryStore();
    const [here, there] = [await open(store), await open(store)];
    const first = 'tiered-cache; fwd=miss; fwd-status=200; detail="absent, unkept:cookie"';
    expect(await facts(here)).toEqual([1, 'run=1', first]);
    expect(await facts(there)).toEqual([2, 'run=2', first]);
    hold();
    const held = [facts(here), facts(there)];
    await eventually(() => expect(runs).toBe(4));
    gate = undefined;
    const beside = 'tiered-cache; fwd=miss; fwd-status=200; detail=unkept:cookie';
    expect(await facts(here)).toEqual([5, 'run=5', beside]);
    expect(await facts(there)).toEqual([6, 'run=6', beside]);
    finish();
    for (const one of await Promise.all(held)) expect(one[2]).toBe(beside);
  });

  it('says nothing of other keys of its route', async () => {
    const url = await open();
    await facts(`${url}?id=1`);
    expect((await facts(`${url}?id=2`))[2]).toContain('absent');
  });

  it('goes through the cache again once a run of it would have been kept', async () => {
    const url = await open();
    await facts(url);
    setsCookies = false;
    const beside = await ask(url);
    expect(beside.header['cache-status']).toBe('tiered-cache; fwd=miss; fwd-status=200; detail=unkept');
    expect([beside.header['x-request-id'], beside.header['etag']]).toEqual(['2', expect.any(String)]);
    expect(await facts(url)).toEqual([3, undefined, expect.stringContaining('; stored; ')]);
    expect(await facts(url)).toEqual([3, undefined, 'tiered-cache; hit; ttl=N']);
  });

  it('leaves its key the protection of the store as soon as the handler fails', async () => {
    const store = memoryStore();
    const [here, there] = [await open(store), await open(store)];
    await facts(here);
    setsCookies = false;
    expect((await facts(there))[2]).toContain('; stored');
    fails = true;
    expect((await ask(here)).status).toBe(503);
    expect(await facts(here)).toEqual([2, undefined, 'tiered-cache; hit; ttl=N']);
  });

  it('of a refresh has all wait for the next one as before: nobody waited for it', async () => {
    const url = await open(memoryStore(), 'hot');
    setsCookies = false;
    await facts(url);
    setsCookies = true;
    const cache = apps[0]?.get(TieredCache) as TieredCache;
    await cache.expireTags('hot');
    expect((await facts(url))[0]).toBe(1);
    await eventually(() => expect(runs).toBe(2));
    setsCookies = false;
    await cache.invalidateTags('hot');
    hold();
    const both = [facts(url), facts(url)];
    await eventually(() => expect(runs).toBe(3));
    finish();
    expect((await Promise.all(both)).map(([run]) => run)).toEqual([3, 3]);
  });
});

describe('The keys of answers that were not kept', () => {
  it('are remembered for ten seconds after the last of them', async () => {
    const clock = new FakeClock();
    const keys = new UnkeptKeys(clock);
    keys.note('a');
    await clock.advance(9_999);
    expect([keys.has('a'), keys.has('b')]).toEqual([true, false]);
    keys.note('a');
    await clock.advance(9_999);
    expect(keys.has('a')).toBe(true);
    await clock.advance(1);
    expect(keys.has('a')).toBe(false);
    keys.note('a');
    keys.forget('a');
    expect(keys.has('a')).toBe(false);
  });

  it('are a thousand at most, the oldest out first', () => {
    const keys = new UnkeptKeys(new FakeClock());
    for (let id = 0; id < 1_000; id++) keys.note(`${id}`);
    keys.note('0');
    keys.note('1000');
    expect([keys.has('0'), keys.has('1'), keys.has('2'), keys.has('1000')]).toEqual([true, false, true, true]);
  });
});
