import type { TieredCache } from '../../src/cache/tiered-cache.js';

/** The caches that a file of tests has built. One that stays open reads its feed on, and the next file of the same process hears of it. */
export const builtCaches = new Set<TieredCache>();
