import { Controller, Get, Module } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { HealthCheck, HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import type { HealthCheckResult } from '@nestjs/terminus';
import { ModuleRef } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TieredCacheHealthIndicator } from '../../src/adapter/tiered-cache.health.js';
import type { TieredCacheHealthOptions } from '../../src/adapter/tiered-cache.health.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen } from '../support/nest-application.js';
import { patience } from '../support/patience.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly cache: TieredCacheHealthIndicator,
  ) {}
  @Get()
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.cache.check('cache'), () => this.cache.check('second', { cache: 'second' })]);
  }
  @Get('any')
  @HealthCheck()
  any(): Promise<HealthCheckResult> {
    return this.health.check([() => this.cache.check('cache', { downWithout: 'any' })]);
  }
  @Get('all')
  @HealthCheck()
  all(): Promise<HealthCheckResult> {
    return this.health.check([() => this.cache.check('cache', { downWithout: 'all' })]);
  }
}

@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [TieredCacheHealthIndicator],
})
class HealthModule {}

describe('The health indicator', () => {
  let servers: [MemcachedProcess, MemcachedProcess];
  let app: INestApplication;
  beforeAll(async () => {
    servers = [await startMemcached(), await startMemcached()];
    const stores = memcachedStore({ servers: servers.map(({ address }) => address), ...patience });
    app = await listen('Express', {
      imports: [cacheModule({ stores }), cacheModule({ name: 'second', stores: false }), HealthModule],
    });
  });
  afterAll(async () => {
    await app.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  const ask = async (path = ''): Promise<[number, HealthCheckResult]> => {
    const response = await fetch(`${await app.getUrl()}/health${path}`);
    return [response.status, (await response.json()) as HealthCheckResult];
  };
  const away = (...killed: MemcachedProcess[]) =>
    killed.map(({ address }) => ({ shard: `memcached ${address}`, reason: expect.stringContaining(address) }));

  it('is up, then degraded with the server and the reason, and down only where that was asked for', async () => {
    const [first, second] = servers;
    const up = { cache: { status: 'up', store: 'memcached' }, second: { status: 'up', store: 'none' } };
    expect(await ask()).toEqual([200, expect.objectContaining({ status: 'ok', details: up })]);

    await second.kill();
    const degraded = { status: 'degraded', store: 'memcached', away: away(second) };
    const details = { ...up, cache: degraded };
    expect(await ask()).toEqual([200, expect.objectContaining({ status: 'degraded', details, error: {} })]);
    expect(await ask('/all')).toEqual([
      200,
      expect.objectContaining({ status: 'degraded', details: { cache: degraded } }),
    ]);
    const down = { cache: { ...degraded, status: 'down' } };
    expect(await ask('/any')).toEqual([503, expect.objectContaining({ status: 'error', error: down })]);

    await first.kill();
    const both = { status: 'degraded', store: 'memcached', away: away(first, second) };
    expect((await ask())[1].details).toEqual({ ...up, cache: both });
    expect((await ask('/all'))[1].error).toEqual({ cache: { ...both, status: 'down' } });

    await Promise.all([first.start(), second.start()]);
    await eventually(async () => expect((await ask())[1].details).toEqual(up));
  });

  it('says that invalidations wait for their acknowledgement', async () => {
    const [, second] = servers;
    await second.kill();
    await app.get(TieredCache).deleteMany(Array.from({ length: 20 }, (_, index) => `key-${index}`));
    expect((await ask())[1].details['cache']).toMatchObject({
      status: 'degraded',
      unacknowledgedWrites: expect.any(Number),
    });
    await second.start();
    await eventually(async () => expect((await ask())[1].status).toBe('ok'));
  });

  it('is up with a remark where Terminus knows no degraded', async () => {
    const [first] = servers;
    await first.kill();
    // As in Terminus 11.
    const indicators = {
      check: (key: string) => ({
        up: (data: object) => ({ [key]: { ...data, status: 'up' } }),
        down: (data: object) => ({ [key]: { ...data, status: 'down' } }),
      }),
    } as unknown as HealthIndicatorService;
    const indicator = new TieredCacheHealthIndicator(indicators, app.get(ModuleRef));
    const options: TieredCacheHealthOptions = { downWithout: 'all' };
    expect(await indicator.check('cache', options)).toEqual({
      cache: { status: 'up', store: 'memcached', degraded: true, away: away(first) },
    });
  });
});
