import { Controller, Get } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OWN_CLOCK } from '../../src/cache/injection-tokens.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedAnswer } from '../../src/http/cached-answer.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { ask } from '../support/ask.js';
import { cacheModule } from '../support/nest-application.js';

let runs = 0;

@Controller()
class Answers {
  @Get('page')
  @CachedResponse({ ttl: 60_000, staleFor: 60_000, tags: ['pages'] })
  page(): object {
    return { run: ++runs };
  }
}

const hourMs = 3_600_000;

describe('The age of an answer', () => {
  const opened: INestApplication[] = [];
  let clock: FakeClock;
  let store: Store;
  beforeEach(() => {
    runs = 0;
    clock = new FakeClock();
    store = memoryStore({ clock });
  });
  afterEach(() => Promise.all(opened.splice(0).map((app) => app.close())));

  async function host(its: FakeClock): Promise<{ url: string; cache: TieredCache }> {
    const builder = Test.createTestingModule({ imports: [cacheModule({ stores: store })], controllers: [Answers] });
    const app = (await builder.overrideProvider(OWN_CLOCK).useValue(its).compile()).createNestApplication();
    opened.push(app);
    await app.listen(0, '127.0.0.1');
    return { url: `${await app.getUrl()}/page`, cache: app.get(TieredCache) };
  }
  const read = async (url: string) => {
    const { header, text } = await ask(url);
    const ttl = Number(/ttl=(-?\d+)/.exec(header['cache-status'] ?? '')?.[1]);
    return { age: Number(header['age']), ttl, text, control: header['cache-control'] };
  };

  it('counts on where the clock is set back', async () => {
    const { url } = await host(clock);
    expect(await read(url)).toMatchObject({ age: 0, ttl: 60, text: '{"run":1}' });
    clock.jump(-hourMs);
    await clock.advance('50s');
    const second = await read(url);
    expect(second).toMatchObject({ text: '{"run":1}', control: 'public, max-age=60, stale-while-revalidate=60' });
    expect(second.age).toBeGreaterThanOrEqual(50);
    expect(second.ttl).toBeLessThanOrEqual(10);
  });

  it("counts as the store does, where the clock of the answer's host is an hour ahead", async () => {
    const other = new FakeClock();
    other.jump(hourMs);
    const [maker, sender] = [await host(other), await host(clock)];
    await read(maker.url);
    for (const one of [clock, other]) await one.advance('50s');
    const { age, ttl, text } = await read(sender.url);
    expect(text).toBe('{"run":1}');
    expect(age).toBeGreaterThanOrEqual(50);
    expect(ttl).toBeLessThanOrEqual(10);
  });

  it('is all of its life once it is expired', async () => {
    const { url, cache } = await host(clock);
    await read(url);
    await cache.expireTags('pages');
    const { age, ttl, text } = await read(url);
    expect({ text, isOver: age >= 60 && ttl <= 0 }).toEqual({ text: '{"run":1}', isOver: true });
  });

  it('goes by whichever clock says that least is left, and endless lives by the wall clock', async () => {
    const [createdAt, headers, etag] = [clock.now(), [], undefined];
    const freshUntil = createdAt + 60_000;
    const head = { kind: 'text', headers, etag, createdAt, freshUntil, staleForMs: 0 } as const;
    const answer = new CachedAnswer(head, Buffer.from('x'));
    const endless = new CachedAnswer({ ...head, freshUntil: Infinity }, Buffer.from('x'));
    answer.endsAt({ wall: freshUntil, monotonic: clock.monotonic() + 60_000 });
    await clock.advance('20s');
    expect([answer.ageMs(clock), endless.ageMs(clock)]).toEqual([20_000, 20_000]);
    clock.jump(-hourMs);
    expect([answer.ageMs(clock), endless.ageMs(clock)]).toEqual([20_000, 0]);
    clock.jump(hourMs + 10_000);
    expect([answer.ageMs(clock), answer.leftMs(clock)]).toEqual([30_000, 30_000]);
  });
});
