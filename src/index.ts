export { TieredCacheModule } from './module/tiered-cache.module.js';
export type { LockModuleOptions, TieredCacheAsyncOptions, TieredCacheOptions } from './module/tiered-cache.options.js';
export {
  getRequestCacheToken,
  getTieredCacheToken,
  InjectRequestCache,
  InjectTieredCache,
} from './module/injection-tokens.js';

export { TieredCache } from './cache/tiered-cache.js';
export type { KeyOf, WriteOptions } from './cache/tiered-cache.js';
export type { CacheConfiguration, CoherenceOptions } from './cache/build-cache-parts.js';
export type { BulkLoadContext, BulkLoader } from './cache/bulk-loads.js';
export type { Explanation, TierExplanation } from './cache/explanation.js';
export type { LoadContext, Loader } from './cache/loader.js';
export type { VersionStamp } from './cache/versioned-key-space.js';

export { RequestCache, NamespacedRequestCache } from './tier/request-cache.js';
export { RequestScope } from './tier/request-scope.js';
export type { ScopeState, ScopeStorage } from './tier/request-scope.js';
export type { ProcessTierOptions } from './tier/process-tier.js';

export { memoryStore } from './store/memory-store.js';
export type { MemoryStoreOptions } from './store/memory-store.js';
export type {
  RemoveOutcome,
  Revision,
  Shard,
  Store,
  StoreCapabilities,
  StoredItem,
  WriteOptions as StoreWriteOptions,
  WriteOutcome,
} from './store/store.js';

export type { EntryOptions, NegativeOptions, StoredTier, TimeoutOptions } from './catalogue/entry-options.js';
export type { Life, LifeContext } from './catalogue/life.js';

export type { Codec, Isolation } from './codec/codec.js';
export { json } from './codec/json.js';

export { Key, versionedKey } from './key/key.js';
export type { KeyLike } from './key/key.js';
export type { KeyPart } from './key/key-part.js';
export type { KeyFormat } from './key/key-space.js';

export type { Duration } from './value/duration.js';
export { systemClock } from './value/clock.js';
export type { Clock, Timer } from './value/clock.js';
export { secondsFromEnv } from './value/seconds-from-env.js';
export { Hit, Miss } from './value/lookup.js';
export type { Freshness, Lookup, MissReason, TierName } from './value/lookup.js';
export { channelName, onCacheEvent } from './value/events.js';
export type { CacheEventName, CacheEvents, FaultKind } from './value/events.js';
export * from './value/errors.js';
