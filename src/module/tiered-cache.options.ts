import type { ModuleMetadata, Type } from '@nestjs/common';
import type { CoherenceOptions } from '../cache/cache-configuration.js';
import type { IntegrityOptions } from '../codec/integrity.js';
import type { VersionStamp } from '../coherence/versioned-key-space.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import type { AfterCommitHook } from '../decorator/transaction.js';
import type { KeyFormat } from '../key/key-space.js';
import type { Store } from '../store/store.js';
import type { ProcessTierOptions } from '../near/process-tier.js';
import type { ScopeStorage } from '../near/request-scope.js';
import type { Duration } from '../value/duration.js';
import type { Unchecked } from '../value/unchecked.js';

/** Everything has a default: `TieredCacheModule.forRoot()` works without options and without an environment. */
export interface TieredCacheOptions {
  /** Tells several caches of one application apart; inject a named one by `@InjectTieredCache(name)`. Default: the one injected by class. */
  readonly name?: string;
  /**
   * The store below the process tier, alone or as an array of one. Default: memcached at `MEMCACHED_SERVERS` or Redis at `CACHE_REDIS_URL`, else a disk store at `CACHE_DISK_PATH`, else a disk store in
   * `node_modules/.cache/nestjs-tiered-cache` of the working directory, and memory, with a warning, where that can't be written or `lmdb` is not installed; with
   * `NODE_ENV=test` memory. `false`: none, the process tier is the last.
   */
  readonly stores?: Store | readonly [Store] | false;
  /** Bounds of the process tier, or `false` for none. */
  readonly process?: ProcessTierOptions | false;
  /** Begins every key. Applications that share a store need different ones. Default: the application's package name (and `name`). */
  readonly namespace?: string;
  /** Stands in every key: a release starts with a cold cache. Default: the version of the application's package.json. */
  readonly packageVersion?: string;
  /**
   * Stands in every key: changing it invalidates everything. A function is asked at most once a second. `''`: no stamp. Default, and where `undefined` is given:
   * `CACHE_KEY_VERSION_STAMP`.
   */
  readonly versionStamp?: VersionStamp;
  /**
   * `readable`, or `digest`, which hides the names of keys, tags and locks in the store, in events, logs, spans and errors. Values and upstream versions are not hidden.
   * Default: `digest` where there is a secret, else `readable`.
   */
  readonly keyFormat?: KeyFormat;
  /** What names are hidden by: 32 bytes or more, the same in all processes. Another one is a cold cache. Default: `CACHE_KEY_SECRET`. */
  readonly keySecret?: string;
  /**
   * Signs what is stored, cache and locks alike, by HMAC-SHA-256 over store key and bytes: what nobody signed is a miss and a fault. Switching it on is one cold
   * cache, and locks of processes without it are not seen; changing the keys is neither. Default: `CACHE_INTEGRITY_KEYS`, else off; `false`: off. See docs/security.md.
   */
  readonly integrity?: IntegrityOptions | false;
  /** For entries whose call and key class don't say otherwise. `ttl` defaults to `DEFAULT_CACHE_TIMEOUT` (300 seconds). */
  readonly defaults?: EntryOptions;
  /**
   * How many loaders of this cache may run at once in this process: a whole number of 1 or more. A load past the limit waits for its turn in order
   * of arrival, refreshes included; a bulk counts as one, and what a loader itself asks for runs under that loader's place. Default: no limit.
   */
  readonly maxConcurrentLoads?: number;
  /**
   * How other processes' invalidations are learned of; `false`: not at all, near copies live by their own instants. A start-up error with a store
   * that keeps no log of them, such as a Keyv.
   */
  readonly coherence?: CoherenceOptions | false;
  /** Cache locks. */
  readonly lock?: LockModuleOptions;
  /**
   * Whether this request may go around the cache by `?force_cache_miss=true`. Asked for requests that carry the parameter, after guards ran, so
   * that `request.user` is known. Annotate the request with your own type. Default: nobody may.
   */
  readonly mayForceMiss?: (request: Unchecked) => boolean | Promise<boolean>;
  /**
   * Hands work to your transaction library, for `@Invalidate({ after: 'commit' })`: to be done once the present transaction has committed.
   * Returns false where none runs. Default: the hooks of the application's other caches; where there are none, only `inTransaction` is known.
   */
  readonly afterCommit?: AfterCommitHook;
  /**
   * Whether faults and lost invalidations are logged through Nest's logger: the first of each kind and source at once, and every 30 s each that
   * was left out, and how often: ten of a kind, and the number of the others. Default true. Caches of one process share the log; it is on while one of them wants it.
   * Where a cache wants it, one line at its start says which store, namespace, version and stamp it has.
   */
  readonly warnings?: boolean;
  /** Where a request's scope travels. Default: AsyncLocalStorage; see the adapters for `nestjs-cls` and `cls-hooked`. */
  readonly scopeStorage?: ScopeStorage;
}

export interface LockModuleOptions {
  /**
   * Where locks live. Default: the cache's own store. Where that can hold none (a Keyv, a memcached whose list of servers is asked for, `stores: false`) and a
   * class asks for locks, the application does not start.
   */
  readonly store?: Store;
  /** How long a lock is held unless renewed. Default 60 s. */
  readonly ttl?: Duration;
  /**
   * How long the store may leave one try without an answer before the lock is `unavailable`. Default: twice the `commandTimeout` of memcached or Redis, 500 ms at
   * least.
   */
  readonly deadline?: Duration;
  /** Begins every lock's key; not versioned, so that a deploy never splits a lock. Default: the cache's namespace. */
  readonly namespace?: string;
  /** How far a lock must reach; more than the store can is an error at start-up. Default: whatever the store can. */
  readonly reach?: 'process' | 'host' | 'fleet';
  /** How long a shutdown waits for sections that run, before it aborts them. Default 10 s. */
  readonly shutdownLimit?: Duration;
}

/** What a factory of options gives: the name is needed before it is asked. */
export type NamelessOptions = Omit<TieredCacheOptions, 'name'>;

/** A provider that makes the options, for `useClass` and `useExisting`. */
export interface TieredCacheOptionsFactory {
  createTieredCacheOptions(): NamelessOptions | Promise<NamelessOptions>;
}

/** For options that come from other providers: exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface TieredCacheAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** As `TieredCacheOptions.name`. It stands here, since it is needed before the factory is asked. */
  readonly name?: string;
  /** What `useFactory` is given, in this order. */
  readonly inject?: readonly unknown[];
  /** Makes the options of what is injected. */
  readonly useFactory?: (...dependencies: Unchecked[]) => NamelessOptions | Promise<NamelessOptions>;
  /** A class that is made here, with what `imports` provide. */
  readonly useClass?: Type<TieredCacheOptionsFactory>;
  /** A provider that there is already, in a module of `imports` or a global one. */
  readonly useExisting?: unknown;
}
