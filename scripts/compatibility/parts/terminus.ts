// The health indicator within a real health check, with the store up and away. Terminus 11 knows no `degraded`.
import assert from 'node:assert/strict';
import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { memoryStore } from 'nestjs-tiered-cache';
import { TieredCacheHealthIndicator } from 'nestjs-tiered-cache/terminus';
import { faultyStore } from 'nestjs-tiered-cache/testing';
import { inMemory, withApplication } from '../application.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly cache: TieredCacheHealthIndicator,
    readonly indicators: HealthIndicatorService,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.cache.check('cache')]);
  }

  @Get('strict')
  @HealthCheck()
  strict() {
    return this.health.check([() => this.cache.check('cache', { downWithout: 'all' })]);
  }
}

export async function terminus(): Promise<void> {
  const store = faultyStore(memoryStore());
  const metadata = {
    imports: [TerminusModule.forRoot({ logger: false }), inMemory({ stores: store, warnings: false })],
    controllers: [HealthController],
    providers: [TieredCacheHealthIndicator],
  };
  await withApplication(metadata, async (ask, app) => {
    const check = async (path = '') => {
      const { status, text } = await ask(`/health${path}`);
      const { details } = JSON.parse(text) as { details: { cache: { status: string; degraded?: boolean } } };
      return { http: status, ...details.cache };
    };
    assert.deepEqual(await check(), { http: 200, status: 'up', store: 'memory' });
    const knowsDegraded = 'degraded' in app.get(HealthController).indicators.check('any');
    await store.during('throws', async () => {
      const { http, status, degraded } = await check();
      const expected = knowsDegraded ? [200, 'degraded', undefined] : [200, 'up', true];
      assert.deepEqual([http, status, degraded], expected);
      const strict = await check('/strict');
      assert.deepEqual([strict.http, strict.status], [503, 'down']);
    });
  });
}
