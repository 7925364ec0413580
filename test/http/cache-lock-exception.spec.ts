import { Controller, Get, Header, Injectable, Param, Res, UseFilters } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WithLock } from '../../src/decorator/with-lock.js';
import { CacheLockExceptionFilter } from '../../src/http/cache-lock-exception.filter.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { Lease } from '../../src/lock/lease.js';
import type { LockOptions } from '../../src/lock/lock-options.js';
import { InvalidOptionError, LeaseLostError, LockHeldError, LockUnavailableError } from '../../src/value/errors.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

@Injectable()
class Policies {
  @WithLock({ resource: (uuid: string) => ['policy', uuid] })
  async redeem(uuid: string): Promise<string> {
    if (uuid === 'lost') throw new LeaseLostError('policy:lost', 'taken');
    if (uuid === 'unavailable') throw new LockUnavailableError('policy:unavailable');
    return uuid;
  }
}

@Controller('policies')
@UseFilters(
  new CacheLockExceptionFilter({
    held: 'Enrollment currently locked for this subsidy access policy.',
    lost: ({ reason }) => `lost: ${reason}`,
  }),
)
class PoliciesController {
  constructor(private readonly policies: Policies) {}
  @Get(':uuid')
  async redeem(@Param('uuid') uuid: string): Promise<object> {
    return { redeemed: await this.policies.redeem(uuid) };
  }
}

@Controller('locked')
class LockedController {
  constructor(private readonly lock: CacheLock) {}
  @Get(':kind/:id')
  async read(@Param('kind') kind: string, @Param('id') id: string): Promise<object> {
    return this.lock.using([kind, id], {}, async () => ({ kind }));
  }

  @Get('csv')
  @Header('Content-Type', 'text/csv')
  async csv(): Promise<string> {
    return this.lock.using(['csv'], {}, async () => 'a,b');
  }
}

@Controller('endless')
@UseFilters(new CacheLockExceptionFilter({ retryAfterSeconds: 60 }))
class EndlessController {
  /** A record that no holder wrote says no end. */
  @Get(':kind')
  read(@Param('kind') kind: string): never {
    throw new LockHeldError(`${kind}:a`);
  }
}

/** What of a response of Express, or of a reply of Fastify, a handler writes on by itself. */
interface Written {
  readonly raw?: Written;
  hijack?(): unknown;
  write(chunk: string): unknown;
  end(chunk: string): unknown;
}

@Controller('written')
@UseFilters(new CacheLockExceptionFilter())
class WrittenController {
  @Get('begun')
  begun(@Res() response: Written): never {
    (response.raw ?? response).write('a');
    throw new LeaseLostError('written', 'taken');
  }

  @Get('hijacked')
  hijacked(@Res() response: Written): never {
    response.hijack?.();
    (response.raw ?? response).write('a');
    throw new LeaseLostError('written', 'taken');
  }

  @Get('ended')
  ended(@Res() response: Written): never {
    (response.raw ?? response).end('whole');
    throw new LeaseLostError('written', 'taken');
  }
}

describe('CacheLockExceptionFilter', () => {
  it.each([1.5, -1, NaN, Infinity, '30s', null])('refuses what is no number of whole seconds: %p', (given) => {
    const make = (): unknown => new CacheLockExceptionFilter({ retryAfterSeconds: given as number });
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(
      `CacheLockExceptionFilter.retryAfterSeconds: ${given} is no number of whole seconds. Give 1 or more.`,
    );
  });

  it('takes whole seconds, and none', () => {
    for (const retryAfterSeconds of [0, 1, 3_600]) new CacheLockExceptionFilter({ retryAfterSeconds });
    new CacheLockExceptionFilter();
  });
});

describe.each(platforms)('CacheLockExceptionFilter on %s', (platform) => {
  let app: INestApplication;
  let held: Lease | undefined;
  const hold = async (resource: readonly string[], options: LockOptions): Promise<void> => {
    const outcome = await app.get(CacheLock).acquire(resource, options);
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    held = outcome.lease;
  };
  // An application that ends waits for its leases.
  afterEach(async () => {
    await held?.release();
    held = undefined;
    await app.close();
  });

  it('answers 429 and 503 with whole seconds to wait, and 409 without where the section has run', async () => {
    app = await listen(platform, {
      imports: [cacheModule()],
      controllers: [PoliciesController],
      providers: [Policies],
    });
    const read = async (uuid: string) => {
      const response = await fetch(`${await app.getUrl()}/policies/${uuid}`);
      return [response.status, response.headers.get('retry-after'), await response.json()];
    };
    expect(await read('a')).toEqual([200, null, { redeemed: 'a' }]);
    await hold(['policy', 'a'], { ttl: '1m' });
    expect(await read('a')).toEqual([
      429,
      '1',
      { detail: 'Enrollment currently locked for this subsidy access policy.' },
    ]);
    const detail = 'Locks are unavailable at the moment; nothing was done.';
    expect(await read('unavailable')).toEqual([503, '1', { detail }]);
    expect(await read('lost')).toEqual([409, null, { detail: 'lost: taken' }]);
  });

  it('says 10 seconds of a lease of a minute, and one once a section of the kind has been seen', async () => {
    app = await listen(platform, {
      imports: [cacheModule()],
      controllers: [LockedController],
      providers: [{ provide: APP_FILTER, useClass: CacheLockExceptionFilter }],
    });
    const url = `${await app.getUrl()}/locked/voucher-${platform}`;
    await hold([`voucher-${platform}`, 'a'], { ttl: '1m' });
    const retryAfter = async () => (await fetch(`${url}/a`)).headers.get('retry-after');
    expect(await retryAfter()).toBe('10');
    expect((await fetch(`${url}/b`)).status).toBe(200);
    expect(await retryAfter()).toBe('1');
  });

  it('says retryAfterSeconds of a lock without an end, also above 10, and less once a section of the kind has been seen', async () => {
    const kind = `endless-${platform}`;
    app = await listen(platform, { imports: [cacheModule()], controllers: [EndlessController] });
    const retryAfter = async () => (await fetch(`${await app.getUrl()}/endless/${kind}`)).headers.get('retry-after');
    expect(await retryAfter()).toBe('60');
    await app.get(CacheLock).using([kind, 'b'], {}, async () => 'seen');
    expect(await retryAfter()).toBe('1');
  });

  it('answers JSON also where the route has a content type of its own', async () => {
    app = await listen(platform, {
      imports: [cacheModule()],
      controllers: [LockedController],
      providers: [{ provide: APP_FILTER, useClass: CacheLockExceptionFilter }],
    });
    const read = async (): Promise<readonly unknown[]> => {
      const response = await fetch(`${await app.getUrl()}/locked/csv`);
      return [response.status, response.headers.get('content-type')?.split(';')[0], await response.text()];
    };
    expect(await read()).toEqual([200, 'text/csv', 'a,b']);
    await hold(['csv'], { ttl: '1m' });
    const detail = 'This resource is locked by another request.';
    expect(await read()).toEqual([429, 'application/json', JSON.stringify({ detail })]);
  });

  it.each(['begun', 'hijacked'])(
    'cuts the connection under an answer that was %s: nobody takes a part for the whole',
    async (path) => {
      app = await listen(platform, { imports: [cacheModule()], controllers: [WrittenController] });
      const text = fetch(`${await app.getUrl()}/written/${path}`).then((response) => response.text());
      await expect(text).rejects.toThrow();
    },
  );

  it('leaves an answer that has ended as it is', async () => {
    app = await listen(platform, { imports: [cacheModule()], controllers: [WrittenController] });
    const response = await fetch(`${await app.getUrl()}/written/ended`);
    expect([response.status, await response.text()]).toEqual([200, 'whole']);
  });
});
