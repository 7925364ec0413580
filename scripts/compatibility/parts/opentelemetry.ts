// Spans and metrics of a real SDK: the one that belongs to the version of the API.
import assert from 'node:assert/strict';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { TieredCache } from 'nestjs-tiered-cache';
import { observeCaches } from 'nestjs-tiered-cache/opentelemetry';
import { inMemory, withApplication } from '../application.js';

export async function opentelemetry(): Promise<void> {
  const spans = new InMemorySpanExporter();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
  const stop = observeCaches({ tracer: tracers.getTracer('smoke'), meter: meters.getMeter('smoke') });
  await withApplication({ imports: [inMemory()] }, async (_ask, app) => {
    const cache = app.get(TieredCache);
    await cache.getOrSet('a', () => 1);
    await cache.get('a');
  });
  stop();
  await Promise.all([tracers.forceFlush(), meters.forceFlush()]);
  assert.deepEqual(
    spans.getFinishedSpans().map(({ name, attributes }) => [name, attributes['cache.keys']]),
    [['cache load', 1]],
  );
  const recorded = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name)),
    );
  assert.ok(recorded.includes('tiered_cache.hits') && recorded.includes('tiered_cache.load_duration'), recorded.join());
  await Promise.all([tracers.shutdown(), meters.shutdown()]);
}
