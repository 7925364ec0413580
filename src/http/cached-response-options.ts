import type { EntryOptions } from '../catalogue/entry-options.js';
import type { Life } from '../catalogue/life.js';
import type { Fillers } from '../codec/spliced/render-spliced.js';
import type { Duration } from '../value/duration.js';
import type { KeyedByOption } from './keyed-by.js';
import type { PrincipalOption } from './principal.js';
import type { Unchecked } from '../value/unchecked.js';

/**
 * How answers are kept and told apart. Callbacks are given the platform's request, after guards have run; annotate it with your own type.
 */
export interface CachedResponseOptions extends Pick<
  EntryOptions,
  'staleFor' | 'jitter' | 'earlyRefresh' | 'timeout' | 'maxLoad' | 'tiers' | 'inheritTags'
> {
  /** The name of the cache. Default: the one injected by class. */
  readonly cache?: string;
  /**
   * How long an answer is fresh, from the start of its load: a duration, or a life of the clock alone. A life that looks at a value or at key
   * parameters, or slides with use, is an InvalidOptionError; a route that would get such a one from its cache stops the start. Default: the cache's. 0: nothing
   * is kept, and the handler runs for each request.
   */
  readonly ttl?: Duration | Life<undefined>;
  /**
   * The query parameters that make a difference. Others are ignored, and their order never matters. A whole `@Query()` holds these
   * alone, and what `keyedBy` and `principal` read of it. Default none.
   */
  readonly query?: readonly string[];
  /**
   * The request headers that make a difference; they go into `Vary`. A whole `@Headers()` holds these alone, what `keyedBy` and
   * `principal` read of it by name, and the credentials if `principal` is a function. Default none.
   */
  readonly headers?: readonly string[];
  /**
   * What else of the request makes a difference: a tenant that middleware found, a locale. Its values go into the key, and answers are
   * `private`, since no shared cache can know them. The request headers that it reads go into `Vary`; for what middleware has made of one, `cacheControl:
   * 'no-cache'` keeps a browser from its copy. It covers what handlers are given beside parameters, query and headers: `@Req()`, custom
   * parameter decorators, request-scoped providers, a guard. `() => []`: none of these makes a difference. It names no caller: without `principal`,
   * requests with credentials go around the cache. Default none.
   */
  readonly keyedBy?: KeyedByOption;
  /**
   * Whose answer it is. `'anyone'`: it never depends on who asks. A function: the name of who asks, `null` for nobody in particular,
   * `undefined` for "do not share"; anything else is an InvalidOptionError. The name goes into the key as its SHA-256, and the request headers that the function
   * reads go into `Vary`. Default: answers are shared by requests without
   * `Authorization`, `Cookie` and `request.user` on routes without guards, and all others go around the cache.
   */
  readonly principal?: PrincipalOption;
  /**
   * Names for `invalidateTags`, or how to make them of the request. Default none. The tags of what the handler reads through the cache reach the answer
   * with `inheritTags`; those of what guards and middleware have read do not.
   */
  readonly tags?: readonly string[] | ((request: Unchecked) => readonly string[]);
  /**
   * What clients and proxies are told unless the handler sets `Cache-Control`. `max-age` (default): the life of the entry, with
   * `stale-while-revalidate`; where there is an `Expires`, that says it. They may answer from their own copy after an invalidation here. `no-cache`: to ask each time, which costs a
   * 304. `false`: nothing.
   */
  readonly cacheControl?: 'max-age' | 'no-cache' | false;
  /**
   * Shared caches on the way may give the answer to anybody. Said by itself where nobody can be told apart: no credentials, no guard, neither
   * `keyedBy` nor a function as `principal`. `true`: also where one of these stands, for answers without a principal's name. Default false.
   */
  readonly public?: boolean;
  /**
   * Headers of the handler that every repetition shall carry, besides those that describe the body (`Content-…`, `ETag`, `Last-Modified`,
   * `Cache-Control`, `Expires`, `Link`). All others are the first caller's alone. Default none.
   */
  readonly keepHeaders?: readonly string[];
  /**
   * The `Cache-Status` header (RFC 9211), which says hit, or miss or by-pass with the reason. `'key'`: with the key, which may name people.
   * `false`: none. Default `true`.
   */
  readonly cacheStatus?: boolean | 'key';
  /** For handlers that return a spliced document: what goes into its holes for this request. Its answers are private. */
  readonly fill?: (request: Unchecked) => Fillers;
  /** Streams over this many bytes are not kept. Default 1 MiB. */
  readonly maxBodyBytes?: number;
}
