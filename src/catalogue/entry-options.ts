import type { Codec, Isolation } from '../codec/codec.js';
import type { Duration } from '../value/duration.js';
import type { Life } from './life.js';

/** The tiers that an entry may be kept in, besides the request's: `process`, the near one, and `store`, the one below it. */
export type StoredTier = 'process' | 'store';

/**
 * How an entry is loaded, kept and served. Given for a call, by a key class, or as the module's defaults, in this order of
 * precedence, option by option. A misspelt name is an error of every call. A value that an option can't have is an error at the definition of a module, a key
 * class or a method, and of every call but one that is answered near: such a call looks at names alone, which keeps it fast. Give a plain object: such a call
 * sees no name that stands on a prototype.
 */
export interface EntryOptions<V = unknown> {
  /**
   * How long the entry is fresh, counted from the start of the load: a duration, a date, or either made from the value. `0`: for
   * this request only; `set`, `refresh` and forced misses remove the shared copy, which answers every other look-up and stays.
   * `Infinity` only through the life `untilInvalidated()`. Default: the module's, which defaults to `DEFAULT_CACHE_TIMEOUT`.
   */
  readonly ttl?: Duration | Date | ((value: V) => Duration | Date) | Life<V> | undefined;
  /** How long after `ttl` the entry may be served while it is refreshed, or when its loader fails. Default 0: not at all. */
  readonly staleFor?: Duration | undefined;
  /** Shortens each life by a random share of up to this fraction (0 to 0.5), so that entries made together don't die together. Default 0. */
  readonly jitter?: number | undefined;
  /**
   * Refreshes before the end of life with a probability that grows towards it, weighed by what the load costs (XFetch, VLDB'15).
   * 1 is the published optimum, larger is earlier. 0 to 100; default 0: off.
   */
  readonly earlyRefresh?: number | undefined;
  /**
   * Refreshes once this share of the life is over, whoever asks: 0.8 of `'10m'` is after 8 minutes. A fixed threshold beside the probabilistic
   * `earlyRefresh`; whichever comes first. 0 to 1; default 0: off.
   */
  readonly refreshAfter?: number | undefined;
  /** How long callers wait. See {@link TimeoutOptions}. */
  readonly timeout?: TimeoutOptions | undefined;
  /**
   * How long a load may hold its slot and lease. Callers get a LoadTimeoutError then, and a later result is dropped. Whoever waits keeps the process alive
   * for so long; refreshes in the background do not. Default 30 s.
   */
  readonly maxLoad?: Duration | undefined;
  /** Keeps answers that say "there is none" for a time of their own. See {@link NegativeOptions}. */
  readonly negative?: NegativeOptions<V> | undefined;
  /** Keeps the value only if true. A value that is not kept is returned to its callers, and leaves what was kept before. Default: always. */
  readonly cacheIf?: ((value: V) => boolean) | undefined;
  /** Names under which `invalidateTags` reaches the entry. At most 16. Default none. */
  readonly tags?: readonly string[] | undefined;
  /**
   * The entry also gets the tags of what its loader read through caches of this process, so that an invalidation of a part reaches the whole. At most
   * 64 in all: with more the value is answered and not kept. Default false.
   */
  readonly inheritTags?: boolean | undefined;
  /** Copies in the process tier live no longer than this, however long the entry lives. Default: as long as the entry. */
  readonly nearTtl?: Duration | undefined;
  /**
   * How long this process answers with the error of a failed load instead of loading again, and how long other processes wait. `0`: not at all; at
   * most and by default 1 s, also without a store and while it is away. What a store holds that was away is served as soon as it is back.
   */
  readonly failureHold?: Duration | undefined;
  /**
   * The upstream version that the caller wants, such as a modification time or a row version. An entry of another version is a
   * miss and is replaced. Numbers and dates are compared as text; a text is well-formed and has up to 65,535 bytes. Default: any version will do.
   */
  readonly version?: string | number | Date | undefined;
  /**
   * Ends this caller's wait for a load, which is cancelled only when all who joined it have left. A write is not begun once it is aborted, and rejects with
   * its reason; one that was sent is carried out.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where the entry may be kept besides the request. Default both. What was written with `['store']` is kept near by nobody, also where the reader says
   * nothing of tiers. Without `'store'`, what the store holds under the key is neither asked nor changed.
   */
  readonly tiers?: readonly StoredTier[] | undefined;
  /** How readers are kept from changing each other's value. Default: the codec's first. */
  readonly isolation?: Isolation | undefined;
  /** The bytes of the value. Default `json()`. */
  readonly codec?: Codec<V> | undefined;
  /**
   * Whether a loader's error allows a stale answer. Default: every error does, except one whose `status` (or `statusCode`) is 4xx
   * other than 408 and 429: "not found" is an answer, "unavailable" is not. If it throws, callers get the loader's error, what is stored stays, and a
   * `fault` event of the kind `degraded` tells of it.
   */
  readonly staleIfError?: ((error: unknown) => boolean) | undefined;
}

export interface TimeoutOptions {
  /**
   * After this the caller is given the stale value, if there is one, while the load goes on. Counted from the call, also where that takes its keys in several
   * turns. Default: at once, as stale values are.
   */
  readonly soft?: Duration | undefined;
  /**
   * After this the caller gets a LoadTimeoutError, while the load goes on. Default: `maxLoad`, for what other processes load as well; a load that this process
   * takes over from one of them has a `maxLoad` of its own.
   */
  readonly hard?: Duration | undefined;
}

export interface NegativeOptions<V> {
  /** How long a negative answer is fresh. */
  readonly ttl: Duration;
  /** How long after that it may be served while it is refreshed. Default 0: not at all, whatever the entry's `staleFor` says. */
  readonly staleFor?: Duration | undefined;
  /** Which values are negative. Default: `null`. It is not asked of `undefined`, which is answered and never kept. */
  readonly when?: ((value: V) => boolean) | undefined;
}
