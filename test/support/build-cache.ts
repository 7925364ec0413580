import { TieredCache } from '../../src/cache/tiered-cache.js';
import type { CacheConfiguration, Protections } from '../../src/cache/cache-configuration.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { builtCaches } from './built-caches.js';

/** A cache of the tests, opened. It is closed with its file, if not before. */
export async function buildCache(
  configuration: Partial<CacheConfiguration> = {},
  protections: Protections = {},
): Promise<TieredCache> {
  const cache = new TieredCache(
    { name: 'default', namespace: 'test', packageVersion: '1.0.0', store: memoryStore(), ...configuration },
    protections,
  );
  builtCaches.add(cache);
  await cache.open();
  return cache;
}
