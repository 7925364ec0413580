// The metrics in prom-client's global registry, as an application serves them.
import assert from 'node:assert/strict';
import { Controller, Get } from '@nestjs/common';
import { register } from 'prom-client';
import { TieredCache } from 'nestjs-tiered-cache';
import { collectCacheMetrics } from 'nestjs-tiered-cache/prom-client';
import { inMemory, withApplication } from '../application.js';

@Controller('metrics')
class MetricsController {
  @Get()
  metrics() {
    return register.metrics();
  }
}

export async function promClient(): Promise<void> {
  const stop = collectCacheMetrics();
  await withApplication({ imports: [inMemory()], controllers: [MetricsController] }, async (ask, app) => {
    const cache = app.get(TieredCache);
    await cache.getOrSet('a', () => 1);
    await cache.get('a');
    const { text } = await ask('/metrics');
    assert.match(text, /^tiered_cache_hits_total\{cache="default",tier="process",freshness="fresh"\} 1$/m);
    assert.match(text, /^tiered_cache_misses_total\{cache="default",reason="absent"\} 1$/m);
    assert.match(text, /^tiered_cache_load_duration_seconds_count\{cache="default",outcome="loaded"\} 1$/m);
  });
  stop();
  assert.equal(register.getSingleMetric('tiered_cache_hits_total'), undefined);
}
