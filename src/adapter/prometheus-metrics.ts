import { Counter, Histogram, register } from 'prom-client';
import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import { defaultBuckets, measurements } from './measurements.js';
import type { Measurement } from './measurements.js';
import { KnownOptions } from '../value/known-options.js';

type AnyRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

export interface CacheMetricsOptions {
  /** Default: prom-client's global registry. */
  readonly registry?: AnyRegistry;
  /** Begins every name. Default `tiered_cache_`. */
  readonly prefix?: string;
  /** Upper bounds of durations, in seconds. Default: 1 ms to 30 s. */
  readonly buckets?: readonly number[];
}

const known = KnownOptions.of<CacheMetricsOptions>('collectCacheMetrics()', {
  registry: true,
  prefix: true,
  buckets: true,
});

/**
 * Counts the events of all caches and locks of this process with `prom-client`, until the returned function is called; that one takes the
 * metrics out of the registry. Call it once per process.
 *
 * Labels are the names of caches and tiers, reasons and kinds: never a key.
 *
 * @throws what prom-client throws where the registry has a metric of that name.
 * @example const stop = collectCacheMetrics();
 */
export function collectCacheMetrics(options: CacheMetricsOptions = {}): () => void {
  known.check(options);
  const { registry = register, prefix = 'tiered_cache_', buckets = defaultBuckets } = options;
  const stops = measurements.map((measurement) => {
    const name = prefix + measurement.name + (measurement.kind === 'seconds' ? '_seconds' : '_total');
    const stop = collect(measurement, name, registry, buckets);
    return () => {
      stop();
      registry.removeSingleMetric(name);
    };
  });
  return () => {
    for (const stop of stops.splice(0)) stop();
  };
}

function collect(
  { kind, help, labels: labelNames, listen }: Measurement,
  name: string,
  registry: AnyRegistry,
  buckets: readonly number[],
): () => void {
  const described = { name, help, labelNames, registers: [registry] };
  if (kind === 'counter') {
    const counter = new Counter(described);
    return listen((value, labels) => counter.inc(labels, value));
  }
  const histogram = new Histogram({ ...described, buckets: [...buckets] });
  return listen((seconds, labels) => histogram.observe(labels, seconds));
}
