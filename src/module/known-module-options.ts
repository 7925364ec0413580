import { configurationTables } from '../cache/known-configuration.js';
import { KnownOptions } from '../value/known-options.js';
import type { LockModuleOptions, TieredCacheAsyncOptions, TieredCacheOptions } from './tiered-cache.options.js';

const lock = KnownOptions.of<LockModuleOptions>('lock', {
  store: true,
  ttl: true,
  deadline: true,
  namespace: true,
  reach: true,
  shutdownLimit: true,
});

/** What `forRoot` takes, and a factory of `forRootAsync` gives. */
export const knownModuleOptions = KnownOptions.of<TieredCacheOptions>(
  'TieredCacheModule.forRoot()',
  {
    ...configurationTables,
    name: true,
    stores: true,
    namespace: true,
    packageVersion: true,
    versionStamp: true,
    keyFormat: true,
    keySecret: true,
    integrity: true,
    maxConcurrentLoads: true,
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
