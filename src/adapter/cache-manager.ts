import { createCache } from 'cache-manager';
import type { Cache } from 'cache-manager';
import Keyv from 'keyv';
import type { Codec } from '../codec/codec.js';
import { clockOf } from '../cache/clock-of.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { milliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { unlessAway } from '../value/unless-away.js';
import { CacheManagerWrap } from './cache-manager-wrap.js';
import { ClockedStorage } from './clocked-storage.js';
import { keyvStorage } from './keyv-storage.js';
import type { KeyvStorage } from './keyv-storage.js';

/** As much of cache-manager's options as means something above the tiers. */
export interface CacheManagerOptions {
  /** The life of entries that are given none. 0 and undefined: until they are deleted, as cache-manager means it. */
  readonly ttl?: Duration;
  /** `wrap` refreshes an entry in the background when less than this is left of its life. Default: never. */
  readonly refreshThreshold?: Duration;
  /** Entries of one namespace are one cache, in all processes; `clear` clears one namespace. Default `cache-manager`. */
  readonly namespace?: string;
  /** The bytes of entries. Default: JSON with bytes, dates as strings, instances as plain objects, as a Keyv with a remote store has them: a `degraded` fault names their classes. */
  readonly codec?: Codec<unknown>;
  /** What `cacheId()` answers. Default: random. */
  readonly cacheId?: string;
  /** What entries are dated by. Default: the clock of the cache below. */
  readonly clock?: Clock;
  /** Does nothing: it says how several stores are treated, and there is one. @deprecated Leave it out. */
  readonly nonBlocking?: unknown;
  /** Does nothing: it says how several stores are treated, and there is one. @deprecated Leave it out. */
  readonly refreshAllStores?: unknown;
}

/**
 * The tiers with the methods of cache-manager: all of them are its own and run on a Keyv over the tiers (`stores[0]`), except that
 *
 * - `wrap` loads by the cache's fills: one load per fleet, and none that an earlier `del` or `set` could be undone by;
 * - `del` and `mdel` resolve to whether the shared store acknowledged it, which is sent again until it does;
 * - `mset` and `clear` don't reject while the store is away: their events tell, and `clear` resolves to false.
 *
 * Numbers are milliseconds; a life of 0 has no end.
 *
 * @throws InvalidDurationError for `ttl` and `refreshThreshold`.
 * @example const provider = { provide: CACHE_MANAGER, inject: [TieredCache], useFactory: (cache) => cacheManager(cache, { ttl: '1m' }) };
 */
export function cacheManager(tiers: TieredCache, options: CacheManagerOptions = {}): Cache {
  const { namespace = 'cache-manager', codec, cacheId, clock = clockOf(tiers) } = options;
  const ttlMs = milliseconds(options.ttl ?? 0, 'ttl');
  const thresholdMs = milliseconds(options.refreshThreshold ?? 0, 'refreshThreshold');
  const below = codec ? { codec } : {};
  const storage = clock === systemClock ? keyvStorage(tiers, below) : new ClockedStorage(tiers, below, clock);
  const keyv = new Keyv({ store: storage, namespace, useKeyPrefix: false, throwOnErrors: true, ttl: ttlMs });
  keyv.serialize = undefined; // the codec does that, once
  keyv.deserialize = undefined;
  const inner = createCache({
    stores: [keyv],
    ...(ttlMs > 0 && { ttl: ttlMs }),
    ...(cacheId !== undefined && { cacheId }),
  });
  const events = inner.on('refresh', ignored);
  inner.off('refresh', ignored);
  const wrapped = new CacheManagerWrap(tiers, storage, events, { ttlMs, thresholdMs, clock });
  const manager: Cache = {
    ...inner,
    wrap: wrapped.wrap,
    async del(key) {
      const acknowledged = await tiers.delete(storage.key(key));
      events.emit('del', { key });
      return acknowledged;
    },
    async mdel(keys) {
      const acknowledged = await tiers.deleteMany(keys.map((key) => storage.key(key)));
      events.emit('mdel', { keys });
      return acknowledged;
    },
    // What cache-manager's event said already need not reject as well.
    mset: async (list) => (await unlessAway(() => inner.mset(list))) ?? list,
    clear: async () => (await unlessAway(() => inner.clear())) ?? false,
  };
  storages.set(manager, storage);
  return manager;
}

/** By cache. The first releases of cache-manager 6 don't show their stores. */
const storages = new WeakMap<object, KeyvStorage>();

/** The storage below a cache that `cacheManager` has made. */
export function storageBelow(manager: Cache): KeyvStorage | undefined {
  return storages.get(manager);
}

function ignored(): void {}
