import { metrics, trace } from '@opentelemetry/api';
import type { Meter, Tracer } from '@opentelemetry/api';
import { onCacheEvent } from '../value/events.js';
import { defaultBuckets, measurements } from './measurements.js';
import { LoadSpans } from './load-spans.js';
import { KnownOptions } from '../value/known-options.js';

export interface CacheTelemetryOptions {
  /** For spans; `false`: none. Default: the global one. */
  readonly tracer?: Tracer | false;
  /** For metrics; `false`: none. Default: the global one. */
  readonly meter?: Meter | false;
  /** Writes keys into spans, as `cache.key`. Never into metrics. Default false: keys may name people. */
  readonly showKeys?: boolean;
}

const known = KnownOptions.of<CacheTelemetryOptions>('observeCaches()', { tracer: true, meter: true, showKeys: true });
const scopeName = 'nestjs-tiered-cache';

/**
 * Tells OpenTelemetry of all caches and locks of this process, until the returned function is called. A span `cache load` for each load, in
 * the trace of whoever began it; an event `cache.fault` on the span that was spared something; a metric for everything that is counted.
 * Hits have no span: they take less time than one.
 *
 * Durations are in seconds, in buckets from 1 ms to 30 s; a view of your SDK may say others.
 *
 * Start the SDK first, and call this once per process. Attributes are the names of caches and tiers, reasons and kinds; values never appear.
 *
 * @example const stop = observeCaches();
 */
export function observeCaches(options: CacheTelemetryOptions = {}): () => void {
  known.check(options);
  const { tracer, meter, showKeys = false } = options;
  const stops = [
    ...(meter === false ? [] : recordMetrics(meter ?? metrics.getMeter(scopeName))),
    ...(tracer === false ? [] : traceLoads(tracer ?? trace.getTracer(scopeName), showKeys)),
  ];
  return () => {
    for (const stop of stops.splice(0)) stop();
  };
}

function recordMetrics(meter: Meter): (() => void)[] {
  return measurements.map(({ name, help, kind, listen }) => {
    if (kind === 'counter') {
      const counter = meter.createCounter(`tiered_cache.${name}`, { description: help });
      return listen((value, labels) => counter.add(value, labels));
    }
    // The SDK's own are meant for milliseconds.
    const advice = { explicitBucketBoundaries: [...defaultBuckets] };
    const histogram = meter.createHistogram(`tiered_cache.${name}`, { description: help, unit: 's', advice });
    return listen((seconds, labels) => histogram.record(seconds, labels));
  });
}

function traceLoads(tracer: Tracer, showKeys: boolean): (() => void)[] {
  const spans = new LoadSpans(tracer, showKeys);
  return [
    onCacheEvent('loadFinished', (load) => spans.add(load)),
    onCacheEvent('fault', ({ kind }) => trace.getActiveSpan()?.addEvent('cache.fault', { 'cache.fault.kind': kind })),
  ];
}
