import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { observeCaches } from '../../src/adapter/telemetry.js';
import { channels } from '../../src/value/events.js';
import { beBusy, person, secret } from './support/busy-cache.js';

describe('OpenTelemetry', () => {
  const spans = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }).getTracer(
    'test',
  );
  beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterAll(() => context.disable());
  let stop: () => void = () => {};
  beforeEach(() => spans.reset());
  afterEach(() => stop());

  const inRequest = (work: () => Promise<void>): Promise<void> =>
    tracer.startActiveSpan('request', (span) => work().finally(() => span.end()));

  it('has a span for each load, in the trace of the request that began it', async () => {
    stop = observeCaches({ tracer, meter: false });
    await inRequest(() => beBusy('traced'));
    const finished = spans.getFinishedSpans();
    const request = finished.find(({ name }) => name === 'request');
    const loads = finished.filter(({ name }) => name === 'cache load');
    expect(loads.map(({ attributes }) => attributes)).toEqual([
      { 'cache.name': 'traced', 'cache.keys': 1 },
      { 'cache.name': 'traced', 'cache.keys': 1 },
      { 'cache.name': 'traced', 'cache.keys': 1, 'error.type': 'RangeError' },
      { 'cache.name': 'traced', 'cache.keys': 3 },
    ]);
    expect(loads.map(({ status }) => status.code)).toEqual([0, 0, SpanStatusCode.ERROR, 0]);
    const parents = new Set(loads.map(({ parentSpanContext }) => parentSpanContext?.spanId));
    expect([...parents]).toEqual([request?.spanContext().spanId]);
    expect(request?.events.map(({ name, attributes }) => [name, attributes])).toContainEqual([
      'cache.fault',
      { 'cache.fault.kind': 'unavailable' },
    ]);
  });

  it('shows no value and no key in a span, unless keys are asked for', async () => {
    stop = observeCaches({ tracer, meter: false });
    await inRequest(() => beBusy('traced'));
    const shown = () =>
      JSON.stringify(
        spans.getFinishedSpans().map(({ name, attributes, status, events }) => [name, attributes, status, events]),
      );
    expect([shown().includes(secret), shown().includes(person)]).toEqual([false, false]);
    stop();
    spans.reset();
    stop = observeCaches({ tracer, meter: false, showKeys: true });
    await inRequest(() => beBusy('traced'));
    expect([shown().includes(secret), shown().includes(`account:${person}`)]).toEqual([false, true]);
  });

  it('counts what happened, by cache, tier, reason and kind', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    stop = observeCaches({ tracer: false, meter: provider.getMeter('test') });
    await beBusy('metered');
    await provider.forceFlush();
    const recorded = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    const pointsOf = (name: string): readonly object[] =>
      recorded
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => dataPoints as readonly object[]);
    expect(pointsOf('tiered_cache.hits')).toMatchObject([
      { value: 1, attributes: { cache: 'metered', tier: 'process', freshness: 'fresh' } },
    ]);
    expect(pointsOf('tiered_cache.load_duration')).toMatchObject([
      { value: { count: 5 }, attributes: { cache: 'metered', outcome: 'loaded' } },
      { value: { count: 1 }, attributes: { cache: 'metered', outcome: 'failed' } },
    ]);
    expect(pointsOf('tiered_cache.load_duration')).toMatchObject([
      { value: { buckets: { boundaries: expect.arrayContaining([0.001, 0.01, 0.1, 1, 30]) as unknown } } },
      {},
    ]);
    const labels = new Set(
      recorded.flatMap(({ dataPoints }) =>
        (dataPoints as { attributes: object }[]).flatMap(({ attributes }) => Object.keys(attributes)),
      ),
    );
    expect([...labels].sort()).toEqual(['cache', 'freshness', 'kind', 'origin', 'outcome', 'reason', 'tier']);
    await provider.shutdown();
  });

  it('measures nothing before it is asked to, and nothing after', () => {
    // The channels are the process's: another spec of this worker may have left a listener.
    const listening = (): string[] => Object.keys(channels).filter((name) => channels[name as 'hit'].hasSubscribers);
    const before = listening();
    stop = observeCaches();
    expect(listening()).toEqual(expect.arrayContaining(['hit', 'miss', 'loadFinished', 'fault']));
    stop();
    expect(listening()).toEqual(before);
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});
