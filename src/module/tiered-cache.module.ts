import { Global, Inject, Injectable, Module } from '@nestjs/common';
import type {
  BeforeApplicationShutdown,
  DynamicModule,
  MiddlewareConsumer,
  ModuleMetadata,
  NestModule,
  OnApplicationShutdown,
  OnModuleInit,
  Provider,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { TieredCache } from '../cache/tiered-cache.js';
import {
  getAfterCommitToken,
  getCacheLockToken,
  getRequestCacheToken,
  getTieredCacheToken,
  LOCK_STORE,
  OWN_CLOCK,
  OWN_RANDOM,
  OWN_STORE,
} from '../cache/injection-tokens.js';
import { RequestCache } from '../near/request-cache.js';
import { RequestScope } from '../near/request-scope.js';
import { allSettled } from '../value/all-settled.js';
import { systemRandom } from '../value/chance.js';
import { systemClock } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import { assertLocksNotAskedFor } from './absent-locks.js';
import { answerFirst } from './answer-first.js';
import { asyncProviders } from './async-options.js';
import { commitHooks } from './commit-hooks.js';
import { hasOtherEntrances } from './entrances.js';
import { interceptGateways } from './gateways.js';
import { lockStoreOf, storeOf } from './given-store.js';
import { HttpScopes } from './http-scopes.js';
import { knownModuleOptions } from './known-module-options.js';
import { assertMadeOnce } from './made-once.js';
import { assertMemoizedOnce } from './memoized-instances.js';
import { openLocks } from './own-locks.js';
import type { OwnLocks } from './own-locks.js';
import { RequestScopeInterceptor } from './request-scope.interceptor.js';
import { RESOLVED_OPTIONS, resolveOptions } from './resolved-options.js';
import type { ResolvedOptions } from './resolved-options.js';
import type { TieredCacheAsyncOptions, TieredCacheOptions } from './tiered-cache.options.js';
import { assertSoleImport } from './sole-import.js';
import { logStart, warnOfMisspeltVariables } from './start-log.js';
import { shareWarnings } from './warning-log.js';

const GIVEN_OPTIONS = 'nestjs-tiered-cache:given-options';
const OWN_CACHE = 'nestjs-tiered-cache:own-cache';
const OWN_LOCKS = 'nestjs-tiered-cache:own-locks';
const OWN_INTERCEPTOR = 'nestjs-tiered-cache:own-interceptor';
const OWN_WARNINGS = 'nestjs-tiered-cache:own-warnings';

/** Ends the sections that hold locks first, and closes the cache after the last request was answered: HTTP connections are gone by then. */
@Injectable()
class CacheLifecycle implements BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(OWN_CACHE) private readonly cache: TieredCache,
    @Inject(OWN_LOCKS) private readonly locks: OwnLocks,
    @Inject(OWN_WARNINGS) private readonly stopWarnings: () => void,
    @Inject(OWN_INTERCEPTOR) private readonly leaveGateways: () => void,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    await this.locks.lock?.shutdown(this.locks.shutdownLimitMs);
  }

  /** What can't be closed leaves nothing else open. */
  async onApplicationShutdown(): Promise<void> {
    try {
      await allSettled([this.cache.close(), this.locks.ownStore?.close() ?? Promise.resolve()]);
    } finally {
      this.stopWarnings();
      this.leaveGateways();
    }
  }
}

/**
 * Provides {@link TieredCache}, {@link RequestCache} and {@link RequestScope} to the whole application, and opens a request scope for every request
 * and message. Import it once; import it again with another `name` for a second cache beside the first.
 */
@Global()
@Module({})
export class TieredCacheModule implements NestModule, OnModuleInit {
  /**
   * @throws InvalidOptionError at once for an unknown option, naming its nearest relative; at start-up naming the option or environment
   * variable that can't be used, or two modules that import the same cache.
   */
  static forRoot(options: TieredCacheOptions = {}): DynamicModule {
    knownModuleOptions.check(options);
    return build(options.name, undefined, [{ provide: GIVEN_OPTIONS, useValue: options }]);
  }

  /**
   * Options that come from other providers, such as a configuration service. None of them may be of request scope: one cache serves all requests.
   * @throws InvalidOptionError as `forRoot`, for what the factory gives at start-up; there also where the options depend on a request.
   * @example TieredCacheModule.forRootAsync({ inject: [ConfigService], useFactory: (config: ConfigService) => ({ versionStamp: config.get('STAMP') }) })
   */
  static forRootAsync(options: TieredCacheAsyncOptions): DynamicModule {
    return build(options.name, options.imports, asyncProviders(GIVEN_OPTIONS, options));
  }

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly modules: ModulesContainer,
    private readonly application: ApplicationConfig,
    private readonly own: ModuleRef,
  ) {}

  onModuleInit(): void {
    assertMadeOnce(this.modules, TieredCacheModule, GIVEN_OPTIONS);
    assertMemoizedOnce(this.modules);
    const { absent } = this.own.get<OwnLocks>(OWN_LOCKS);
    if (absent) assertLocksNotAskedFor(this.modules, TieredCacheModule, absent);
  }

  /** Asks for what the module has made, and is injected with none of it: an application whose options depend on a request could not be told so. */
  configure(consumer: MiddlewareConsumer): void {
    assertMadeOnce(this.modules, TieredCacheModule, GIVEN_OPTIONS);
    const others = [...this.modules.values()].map(({ instance }) => instance as Partial<NestModule>);
    const first = others.some((other) => other?.configure && !(other instanceof TieredCacheModule));
    const cache = this.own.get<TieredCache>(OWN_CACHE);
    new HttpScopes(this.own.get(RequestScope)).openOn(this.host.httpAdapter, consumer, first);
    answerFirst(this.modules, this.application, this.host, cache);
  }
}

function build(name: string | undefined, imports: ModuleMetadata['imports'], given: Provider[]): DynamicModule {
  const cacheToken = getTieredCacheToken(name);
  const requestCacheToken = getRequestCacheToken(name);
  const lockToken = getCacheLockToken(name);
  const afterCommitToken = getAfterCommitToken(name);
  return {
    module: TieredCacheModule,
    imports: imports ?? [],
    providers: [
      ...given,
      { provide: OWN_STORE, inject: [GIVEN_OPTIONS], useFactory: storeOf },
      { provide: LOCK_STORE, inject: [GIVEN_OPTIONS], useFactory: lockStoreOf },
      { provide: OWN_CLOCK, useValue: systemClock },
      { provide: OWN_RANDOM, useValue: systemRandom },
      {
        provide: RESOLVED_OPTIONS,
        inject: [ModulesContainer, GIVEN_OPTIONS, OWN_STORE, LOCK_STORE, OWN_CLOCK, OWN_RANDOM],
        useFactory: (modules: ModulesContainer, ...rest: Parameters<typeof resolveOptions>) => {
          assertSoleImport(modules, cacheToken, (importers) => secondImport(name, importers));
          return resolveOptions(...rest);
        },
      },
      {
        provide: RequestScope,
        inject: [GIVEN_OPTIONS],
        useFactory: ({ scopeStorage }: TieredCacheOptions) => new RequestScope(scopeStorage),
      },
      {
        provide: afterCommitToken,
        inject: [GIVEN_OPTIONS, ModulesContainer],
        useFactory: (options: TieredCacheOptions, modules: ModulesContainer) =>
          commitHooks(options, modules, GIVEN_OPTIONS),
      },
      {
        provide: OWN_WARNINGS,
        inject: [RESOLVED_OPTIONS, GIVEN_OPTIONS],
        useFactory: ({ warnings }: ResolvedOptions, given: TieredCacheOptions) => {
          warnOfMisspeltVariables(given);
          return shareWarnings(warnings);
        },
      },
      // The warnings are asked for, so that those of the start are heard.
      { provide: OWN_CACHE, inject: [RESOLVED_OPTIONS, RequestScope, OWN_WARNINGS], useFactory: openCache },
      { provide: cacheToken, useExisting: OWN_CACHE },
      {
        provide: requestCacheToken,
        inject: [OWN_CACHE, RequestScope],
        useFactory: (cache: TieredCache, scope: RequestScope) =>
          new RequestCache(
            scope,
            (key) => cache.storeKey(key),
            (key) => cache.nameOf(key),
          ),
      },
      { provide: OWN_LOCKS, inject: [RESOLVED_OPTIONS, OWN_CACHE], useFactory: openLocks },
      { provide: lockToken, inject: [OWN_LOCKS], useFactory: ({ lock }: OwnLocks) => lock },
      CacheLifecycle,
      {
        provide: OWN_INTERCEPTOR,
        inject: [RESOLVED_OPTIONS, RequestScope, ApplicationConfig, ModulesContainer],
        useFactory: intercept,
      },
    ],
    exports: [cacheToken, requestCacheToken, lockToken, RequestScope, afterCommitToken],
  };
}

function secondImport(name: string | undefined, importers: string): InvalidOptionError {
  const which = name === undefined ? 'without a name' : `with the name '${name}'`;
  return new InvalidOptionError(
    'name',
    `TieredCacheModule is imported ${which} by ${importers}, and chance would say which cache is injected`,
    'Import it once, in the root module, since it is global; or give the second a name of its own.',
  );
}

/** Where it is of use: any interceptor at all makes Nest take a fifth more time for an HTTP request on Fastify. */
function intercept(
  options: ResolvedOptions,
  scope: RequestScope,
  application: ApplicationConfig,
  modules: ModulesContainer,
): () => void {
  if (!options.mayForceMiss && !hasOtherEntrances(modules)) return () => {};
  const interceptor = new RequestScopeInterceptor(scope, options);
  application.addGlobalInterceptor(interceptor);
  return interceptGateways(modules, interceptor);
}

async function openCache(options: ResolvedOptions, scope: RequestScope): Promise<TieredCache> {
  const cache = new TieredCache({ ...options.cache, scope });
  await cache.open();
  if (options.warnings) logStart(options);
  return cache;
}
