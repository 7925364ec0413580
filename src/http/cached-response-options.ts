import type { EntryOptions } from '../catalogue/entry-options.js';
import type { Life } from '../catalogue/life.js';
import type { Fillers } from '../codec/spliced/render-spliced.js';
import type { Duration } from '../value/duration.js';

/**
 * How answers are kept and told apart. Callbacks are given the platform's request, after guards have run; annotate it with your own type.
 */
export interface CachedResponseOptions extends Pick<
  EntryOptions,
  'staleFor' | 'jitter' | 'earlyRefresh' | 'timeout' | 'maxLoad' | 'tiers'
> {
  /** The name of the cache. Default: the one injected by class. */
  readonly cache?: string;
  /** How long an answer is fresh, from the start of its load. Default: the cache's. 0: not kept beyond the request. */
  readonly ttl?: Duration | Life;
  /** The query parameters that make a difference. Others are ignored, and their order never matters. Default none. */
  readonly query?: readonly string[];
  /** The request headers that make a difference; they go into `Vary`. Default none. */
  readonly headers?: readonly string[];
  /**
   * Whose answer it is. `'anyone'`: it never depends on who asks. A function: the name of who asks, `null` for nobody in particular,
   * `undefined` for "do not share". Default: answers are shared by requests without `Authorization`, `Cookie` and `request.user`, and
   * requests with any of these go around the cache.
   */
  readonly principal?: 'anyone' | ((request: never) => string | null | undefined);
  /** Names for `invalidateTags`. Default none. */
  readonly tags?: readonly string[] | ((request: never) => readonly string[]);
  /**
   * What clients and proxies are told unless the handler sets `Cache-Control`. `max-age` (default): the life of the entry, with
   * `stale-while-revalidate`; `public`, or `private` where there is a principal. They may answer from their own copy after an
   * invalidation here. `no-cache`: to ask each time, which costs a 304. `false`: nothing.
   */
  readonly cacheControl?: 'max-age' | 'no-cache' | false;
  /** For handlers that return a spliced document: what goes into its holes for this request. Its answers are private. */
  readonly fill?: (request: never) => Fillers;
  /** Streams over this many bytes are not kept. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /**
   * `refuse` (default): objects that hold instances of classes are an error, since interceptors that would hide some of their properties
   * never see a cached answer. `plain`: they are sent as their own enumerable properties, knowingly.
   */
  readonly instances?: 'refuse' | 'plain';
}
