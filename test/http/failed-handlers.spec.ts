import { BadGatewayException, Controller, Get, NotFoundException, Param } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { OWN_CLOCK } from '../../src/cache/injection-tokens.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { ask } from '../support/ask.js';
import { cacheModule } from '../support/nest-application.js';

@Controller()
class Prices {
  runs = 0;

  @Get(':slug')
  @CachedResponse({ ttl: '1m' })
  read(@Param('slug') slug: string): string {
    this.runs++;
    if (slug === 'absent') throw new NotFoundException();
    throw slug === 'unreachable' ? new BadGatewayException() : new Error('a defect');
  }
}

describe('A handler that throws', () => {
  let app: INestApplication;
  afterEach(() => app?.close());

  async function open(defaults: EntryOptions = {}) {
    const clock = new FakeClock();
    const imports = [cacheModule({ stores: memoryStore({ clock }), defaults })];
    const builder = Test.createTestingModule({ imports, controllers: [Prices] });
    app = (await builder.overrideProvider(OWN_CLOCK).useValue(clock).compile()).createNestApplication({
      logger: false,
    });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const statusOf = async (slug: string): Promise<unknown> => (await ask(`${url}/${slug}`)).status;
    return { statusOf, clock, runs: () => app.get(Prices).runs };
  }

  it.each([
    ['unreachable', 502],
    ['broken', 500],
  ])('answers all who ask within a second with the same error: %s', async (slug, status) => {
    const { statusOf, clock, runs } = await open();
    expect([await statusOf(slug), await statusOf(slug), runs()]).toEqual([status, status, 1]);
    await clock.advance('1s');
    expect([await statusOf(slug), runs()]).toEqual([status, 2]);
  });

  it('runs for each of them where its error is an answer', async () => {
    const { statusOf, runs } = await open();
    expect([await statusOf('absent'), await statusOf('absent'), runs()]).toEqual([404, 404, 2]);
  });

  it('runs for each of them where failures are not held', async () => {
    const { statusOf, runs } = await open({ failureHold: 0 });
    expect([await statusOf('unreachable'), await statusOf('unreachable'), runs()]).toEqual([502, 502, 2]);
  });
});
