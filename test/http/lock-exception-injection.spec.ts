import { Controller, Get, Module, UseFilters } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CACHE_LOCK_EXCEPTION_OPTIONS, CacheLockExceptionFilter } from '../../src/http/cache-lock-exception.filter.js';
import { LockHeldError } from '../../src/value/errors.js';
import { listen, platforms } from '../support/nest-application.js';

@Controller()
class Policies {
  @Get('plain')
  plain(): void {
    throw new LockHeldError('policy', 1_500);
  }
}

@Controller()
@UseFilters(CacheLockExceptionFilter)
class FilteredPolicies {
  @Get('filtered')
  filtered(): void {
    throw new LockHeldError('policy', 1_500);
  }
}

const options = { provide: CACHE_LOCK_EXCEPTION_OPTIONS, useValue: { held: 'Busy.' } };
@Module({ providers: [options], exports: [options] })
class LockAnswers {}

describe.each(platforms)('CacheLockExceptionFilter on %s, made by Nest', (platform) => {
  let app: INestApplication;
  afterEach(() => app.close());
  const answerTo = async (path: string) => {
    const response = await fetch(`${await app.getUrl()}/${path}`);
    return [response.status, response.headers.get('retry-after'), await response.json()];
  };

  it('answers for the whole application as APP_FILTER', async () => {
    const providers = [{ provide: APP_FILTER, useClass: CacheLockExceptionFilter }];
    app = await listen(platform, { controllers: [Policies], providers });
    expect(await answerTo('plain')).toEqual([429, '2', { detail: 'This resource is locked by another request.' }]);
  });

  it('answers by the options that are provided', async () => {
    const providers = [{ provide: APP_FILTER, useClass: CacheLockExceptionFilter }];
    app = await listen(platform, { imports: [LockAnswers], controllers: [Policies], providers });
    expect(await answerTo('plain')).toEqual([429, '2', { detail: 'Busy.' }]);
  });

  it('answers for the controllers that use its class', async () => {
    app = await listen(platform, { controllers: [Policies, FilteredPolicies] }, (made) => made.useLogger(false));
    expect(await answerTo('filtered')).toMatchObject([429, '2', {}]);
    expect(await answerTo('plain')).toMatchObject([500, null, {}]);
  });
});

describe('CacheLockExceptionFilter', () => {
  it('refuses unknown options', () => {
    expect(() => new CacheLockExceptionFilter({ hold: 'Busy.' } as object)).toThrow(
      'hold: CacheLockExceptionFilter has no such option. Did you mean held?',
    );
  });
});
