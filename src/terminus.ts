export { TieredCacheHealthIndicator } from './adapter/tiered-cache.health.js';
export type { TieredCacheHealthOptions } from './adapter/tiered-cache.health.js';
