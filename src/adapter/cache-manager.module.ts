import { Cache, CACHE_MANAGER } from '@nestjs/cache-manager';
import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import type { ConfigurableModuleAsyncOptions, DynamicModule, Provider } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { getTieredCacheToken } from '../cache/injection-tokens.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { KnownOptions } from '../value/known-options.js';
import { CacheInterceptorStatus } from './cache-interceptor-status.js';
import { cacheManager } from './cache-manager.js';
import type { CacheManagerOptions } from './cache-manager.js';

/** What says where the cache is found and who finds it. Given beside `useFactory`, never by it. */
export interface CacheManagerModuleExtras {
  /** The name of the `TieredCache` below. Default: the one injected by class. */
  readonly cache?: string;
  /** Modules that don't import this one find it as well. Default false. */
  readonly isGlobal?: boolean;
}

export type CacheManagerModuleOptions = CacheManagerOptions & CacheManagerModuleExtras;

export interface CacheManagerOptionsFactory {
  createCacheOptions(): CacheManagerOptions | Promise<CacheManagerOptions>;
}

export type CacheManagerModuleAsyncOptions = ConfigurableModuleAsyncOptions<CacheManagerOptions, 'createCacheOptions'> &
  CacheManagerModuleExtras & {
    /** Further providers of this module, for the factory to inject. */
    readonly extraProviders?: readonly Provider[];
  };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<CacheManagerOptions>({
  moduleName: 'CacheManager',
})
  .setFactoryMethodName('createCacheOptions')
  .build();

/**
 * In the place of `CacheModule` of @nestjs/cache-manager: provides its `CACHE_MANAGER` and `Cache` tokens with a cache-manager on the tiers, so
 * that `CacheInterceptor`, `@CacheKey`, `@CacheTTL` and whoever injects the cache go on as they are. Stores belong to `TieredCacheModule`,
 * which has to be imported once.
 *
 * @throws (at start-up) InvalidOptionError, InvalidDurationError naming the option.
 * @example imports: [TieredCacheModule.forRoot(), CacheManagerModule.register({ isGlobal: true, ttl: 5_000 })]
 */
@Module({})
export class CacheManagerModule extends ConfigurableModuleClass {
  static override register({ isGlobal, cache, ...options }: CacheManagerModuleOptions = {}): DynamicModule {
    return provided(super.register(options), isGlobal, cache);
  }

  static override registerAsync(given: CacheManagerModuleAsyncOptions): DynamicModule {
    const { isGlobal, cache, extraProviders, ...options } = given;
    return provided(super.registerAsync(options), isGlobal, cache, extraProviders);
  }
}

function provided(
  definition: DynamicModule,
  isGlobal = false,
  cache?: string,
  extraProviders: readonly Provider[] = [],
): DynamicModule {
  const overTiers = {
    provide: CACHE_MANAGER,
    inject: [getTieredCacheToken(cache), MODULE_OPTIONS_TOKEN],
    useFactory: (tiers: TieredCache, options: CacheManagerOptions) => cacheManager(tiers, checked(options)),
  };
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      ...extraProviders,
      overTiers,
      { provide: Cache, useExisting: CACHE_MANAGER },
      {
        provide: CacheInterceptorStatus,
        inject: [CACHE_MANAGER, getTieredCacheToken(cache), ModulesContainer, ApplicationConfig],
        useFactory: (
          manager: Cache,
          { name }: TieredCache,
          modules: ModulesContainer,
          application: ApplicationConfig,
        ) => new CacheInterceptorStatus(manager, name, modules, application),
      },
    ],
    exports: [CACHE_MANAGER, Cache],
  };
}

const aStore = 'Give TieredCacheModule.forRoot({ stores }) a store; keyvStore() makes one of any Keyv.';
const known = KnownOptions.of<CacheManagerOptions>(
  'CacheManagerModule',
  {
    ttl: true,
    refreshThreshold: true,
    namespace: true,
    codec: true,
    cacheId: true,
    clock: true,
    nonBlocking: true,
    refreshAllStores: true,
  },
  {
    stores: aStore,
    store: aStore,
    max: 'Bound the process tier: TieredCacheModule.forRoot({ process: { maxEntries } }).',
    cache: 'Give it beside useFactory.',
    isGlobal: 'Give it beside useFactory.',
  },
);

function checked(options: CacheManagerOptions = {}): CacheManagerOptions {
  known.check(options);
  return options;
}
