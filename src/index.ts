export { TieredCacheModule } from './module/tiered-cache.module.js';
export type {
  LockModuleOptions,
  NamelessOptions,
  TieredCacheAsyncOptions,
  TieredCacheOptions,
  TieredCacheOptionsFactory,
} from './module/tiered-cache.options.js';
export { getCacheLockToken, getRequestCacheToken, getTieredCacheToken } from './cache/injection-tokens.js';
export { InjectCacheLock, InjectRequestCache, InjectTieredCache } from './decorator/inject-cache.js';

export { TieredCache } from './cache/tiered-cache.js';
export type { KeyOf } from './cache/key-of.js';
export type { CallOptions, ReadOptions, WriteOptions } from './cache/call-options.js';
export type { CacheConfiguration, CoherenceOptions } from './cache/cache-configuration.js';
export type { BulkLoadContext, BulkLoader } from './load/bulk-loader.js';
export type { CacheStatus, ShardStatus } from './cache/cache-status.js';
export type { Explanation, TierExplanation } from './cache/explanation.js';
export { loadSignal } from './load/flight.js';
export type { LoadContext, Loader, ValueLoader } from './load/loader.js';
export { upstreamVersion } from './cache/upstream-version.js';
export type { UpstreamVersionOptions } from './cache/upstream-version.js';
export type { VersionStamp } from './coherence/versioned-key-space.js';

export { CacheLock } from './lock/cache-lock.js';
export type { CacheLockConfiguration, LockOutcome } from './lock/cache-lock.js';
export { Lease } from './lock/lease.js';
export type { ReleaseOutcome } from './lock/own-lock.js';
export type { SerializedLease } from './lock/serialized-lease.js';
export type { LockOptions } from './lock/lock-options.js';
export type { LockResource } from './lock/lock-place.js';

export { RequestCache, NamespacedRequestCache } from './near/request-cache.js';
export { RequestScope } from './near/request-scope.js';
export type { ScopeState, ScopeStorage } from './near/request-scope.js';
export type { Eviction } from './near/eviction/create-bounded-map.js';
export type { ProcessTierOptions } from './near/process-tier.js';

export { memoryStore } from './store/memory-store.js';
export type { MemoryStoreOptions } from './store/memory-store.js';
export type { Change, FeedGap, FeedQuestion, FeedReading, Invalidated, Invalidation, Mark } from './store/feed.js';
export type {
  ItemView,
  ItemWrite,
  RemoveOutcome,
  Revision,
  Shard,
  Store,
  StoreCapabilities,
  StoredItem,
  WriteOptions as StoreWriteOptions,
  WriteOutcome,
} from './store/store.js';

export { folderObjectStore } from './object/folder-object-store.js';
export type { FolderObjectStoreOptions } from './object/folder-object-store.js';
export { memoryObjectStore } from './object/memory-object-store.js';
export type { MemoryObjectStoreOptions } from './object/memory-object-store.js';
export type {
  ByteRange,
  ListedObject,
  ListOptions,
  ObjectBody,
  ObjectChecksum,
  ObjectHead,
  ObjectKey,
  ObjectStore,
  OpenedObject,
  OpenOptions,
  PresignedRequest,
  PresignOptions,
  PutObject,
  PutOptions,
} from './object/object-store.js';
export * from './object/object-errors.js';

export type { EntryOptions, NegativeOptions, StoredTier, TimeoutOptions } from './catalogue/entry-options.js';
export { Catalogue } from './catalogue/catalogue.js';
export { CatalogueKey } from './catalogue/catalogue-key.js';
export { defineObject } from './catalogue/define-object.js';
export type {
  ObjectClass,
  ObjectClassDescription,
  ObjectClassFacts,
  ObjectDefinition,
  ObjectParameterDescription,
  ObjectRules,
} from './catalogue/object-class.js';
export { hint, instantPart, randomPart } from './catalogue/object-parts.js';
export type { ObjectParameterSpec, ParsedObjectKey } from './catalogue/object-parts.js';
export { StoredObjects } from './file/stored-objects.js';
export type { ListedOfClass, StoredPutOptions } from './file/stored-objects.js';
export type { ByteSize } from './value/byte-size.js';
export { defineKey } from './catalogue/define-key.js';
export type { KeyClass, KeyDefinition } from './catalogue/key-class.js';
export type { KeyClassDescription, KeyClassFacts, ParameterDescription } from './catalogue/key-class-facts.js';
export type { ParameterSpec } from './catalogue/key-parameters.js';
export type { Life, LifeContext } from './catalogue/life.js';
export { earliest } from './catalogue/lives/earliest.js';
export { sinceLastChecked, sinceLastUsed, sinceOriginallySet, sinceSet } from './catalogue/lives/since.js';
export { sinceSetFromEnv } from './catalogue/lives/since-set-from-env.js';
export { untilInstant, untilInvalidated } from './catalogue/lives/until.js';
export { untilEndOfDay } from './catalogue/lives/until-end-of-day.js';
export type { EndOfDayOptions } from './catalogue/lives/until-end-of-day.js';
export { unixDate, unixDateOf } from './catalogue/lives/zone.js';

export type { Codec, Isolation } from './codec/codec.js';
export { bytes } from './codec/bytes.js';
export { flag } from './codec/flag.js';
export { gzip } from './codec/gzip.js';
export type { GzipOptions } from './codec/gzip.js';
export { json } from './codec/json.js';
export type { JsonOptions } from './codec/json.js';
export { lengthPrefixed } from './codec/length-prefixed.js';
export { compileSpliced } from './codec/spliced/compile-spliced.js';
export { FillerError } from './codec/spliced/filler-error.js';
export { hole } from './codec/spliced/hole.js';
export { renderSpliced } from './codec/spliced/render-spliced.js';
export type { Fill, Filler, Fillers } from './codec/spliced/render-spliced.js';
export { RenderedDocument } from './codec/spliced/rendered-document.js';
export { spliced } from './codec/spliced/spliced.js';
export type { SplicedOptions } from './codec/spliced/spliced.js';
export { splicedDocument } from './codec/spliced/spliced-builder.js';
export type { SplicedBuilder } from './codec/spliced/spliced-builder.js';
export { SplicedDocument } from './codec/spliced/spliced-document.js';
export type { SplicedCheck } from './codec/spliced/spliced-document.js';
export { structured } from './codec/structured.js';
export type { StructuredOptions } from './codec/structured.js';
export { text } from './codec/text.js';
export { validated } from './codec/validated.js';

export { Key, versionedKey } from './key/key.js';
export type { KeyLike } from './key/key.js';
export type { KeyPart } from './key/key-part.js';
export type { IntegrityKey, IntegrityOptions } from './codec/integrity.js';
export { Integrity } from './codec/integrity.js';
export type { KeyFormat } from './key/key-space.js';

export type { Duration } from './value/duration.js';
export { systemClock } from './value/clock.js';
export type { Clock, Timer } from './value/clock.js';
export type { Unchecked } from './value/unchecked.js';
export { secondsFromEnv } from './value/seconds-from-env.js';
export { Hit, Miss } from './value/lookup.js';
export type { Freshness, Lookup, MissReason, TierName } from './value/lookup.js';
export { channelName, onCacheEvent } from './value/events.js';
export type { CacheEventName, CacheEvents, FaultKind, InvalidatedKind } from './value/events.js';
export * from './value/errors.js';

export { Memoize } from './decorator/memoize.js';
export { memoized } from './decorator/memoized.js';
export type { Memoized, MemoizeControls } from './decorator/memoized.js';
export type {
  MemoizeByArguments,
  MemoizeByKeyClass,
  MemoizeDecorator,
  MemoizeEntryOptions,
  UpstreamVersion,
} from './decorator/memoize-options.js';
export { Invalidate } from './decorator/invalidate.js';
export type { InvalidateDecorator, InvalidateOptions, Untrue } from './decorator/invalidate-options.js';
export { afterCommit, inTransaction } from './decorator/transaction.js';
export type { AfterCommitHook, AfterCommitWork } from './decorator/transaction.js';
export { WithRequestScope } from './decorator/with-request-scope.js';
export type { WithRequestScopeDecorator } from './decorator/with-request-scope.js';
export { WithLock, heldLease } from './decorator/with-lock.js';
export type { WithLockDecorator, WithLockOptions } from './decorator/with-lock.js';

export { CachedResponse } from './http/cached-response.js';
export type { CachedResponseOptions } from './http/cached-response-options.js';
export { CACHE_LOCK_EXCEPTION_OPTIONS, CacheLockExceptionFilter } from './http/cache-lock-exception.filter.js';
export type { CacheLockExceptionOptions } from './http/cache-lock-exception.filter.js';
