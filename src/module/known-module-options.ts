import type { CoherenceOptions } from '../cache/cache-configuration.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { entryOptionTable } from '../catalogue/known-entry-options.js';
import type { ProcessTierOptions } from '../near/process-tier.js';
import { KnownOptions } from '../value/known-options.js';
import type { LockModuleOptions, TieredCacheAsyncOptions, TieredCacheOptions } from './tiered-cache.options.js';

const processTier = KnownOptions.of<ProcessTierOptions>('process', {
  maxEntries: true,
  maxBytes: true,
  eviction: true,
});
const coherence = KnownOptions.of<CoherenceOptions>('coherence', {
  interval: true,
  blindFor: true,
  maxBehindBytes: true,
});
const defaults = KnownOptions.of<EntryOptions>('defaults', entryOptionTable);
const lock = KnownOptions.of<LockModuleOptions>('lock', {
  store: true,
  ttl: true,
  namespace: true,
  reach: true,
  shutdownLimit: true,
});

/** What `forRoot` takes, and a factory of `forRootAsync` gives. */
export const knownModuleOptions = KnownOptions.of<TieredCacheOptions>(
  'TieredCacheModule.forRoot()',
  {
    name: true,
    stores: true,
    process: processTier,
    namespace: true,
    packageVersion: true,
    versionStamp: true,
    keyFormat: true,
    keySecret: true,
    integrity: true,
    defaults,
    maxConcurrentLoads: true,
    coherence,
    lock,
    mayForceMiss: true,
    afterCommit: true,
    warnings: true,
    scopeStorage: true,
  },
  { max: 'Bound the process tier: process: { maxEntries }.', isGlobal: 'The module is global, whoever imports it.' },
);

/** What `forRootAsync` takes beside what its factory gives. */
export const knownAsyncOptions = KnownOptions.of<TieredCacheAsyncOptions>(
  'TieredCacheModule.forRootAsync()',
  { name: true, imports: true, inject: true, useFactory: true, useClass: true, useExisting: true },
  { isGlobal: 'The module is global, whoever imports it.' },
);
