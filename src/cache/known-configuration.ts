import type { EntryOptions } from '../catalogue/entry-options.js';
import { entryOptionTable } from '../catalogue/known-entry-options.js';
import type { ProcessTierOptions } from '../near/process-tier.js';
import { KnownOptions } from '../value/known-options.js';
import type { CacheConfiguration, CoherenceOptions } from './cache-configuration.js';

/** What modules take as well. */
export const configurationTables = {
  process: KnownOptions.of<ProcessTierOptions>('process', { maxEntries: true, maxBytes: true, eviction: true }),
  coherence: KnownOptions.of<CoherenceOptions>('coherence', { interval: true, blindFor: true, maxBehindBytes: true }),
  defaults: KnownOptions.of<EntryOptions>('defaults', entryOptionTable),
};

/** What a cache is built from. */
export const knownConfiguration = KnownOptions.of<CacheConfiguration>('TieredCache', {
  ...configurationTables,
  name: true,
  namespace: true,
  packageVersion: true,
  versionStamp: true,
  keyFormat: true,
  keySecret: true,
  integrity: true,
  store: true,
  maxConcurrentLoads: true,
  scope: true,
  clock: true,
  random: true,
});
