export { collectCacheMetrics } from './adapter/prometheus-metrics.js';
export type { CacheMetricsOptions } from './adapter/prometheus-metrics.js';
