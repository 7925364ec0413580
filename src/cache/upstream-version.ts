import { allowsStale } from '../catalogue/allows-stale.js';
import { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { isNoAnswer } from '../catalogue/entry-policy.js';
import { entryValues } from '../catalogue/entry-values.js';
import { givenLoader } from '../load/loader.js';
import type { LoadContext } from '../load/loader.js';
import type { Duration } from '../value/duration.js';
import { InvalidDurationError, InvalidOptionError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import type { KeyOf } from './key-of.js';
import type { TieredCache } from './tiered-cache.js';

/**
 * How a version is kept. What is absent comes from the key class, then from the cache's defaults; a `ttl` that neither the call nor the
 * key class gives is 5 s, whatever the defaults say.
 */
export type UpstreamVersionOptions = Pick<
  EntryOptions<string>,
  'ttl' | 'staleFor' | 'tags' | 'tiers' | 'timeout' | 'signal' | 'staleIfError'
>;

type Version = string | number | Date | null | undefined;

const defaultTtl: Duration = '5s';

/**
 * The version that a source has now, for the `version` option: read through the cache, so that it costs a look-up and not a question to the
 * source. A request asks once and goes on with what it was told; all processes share the answer for `ttl`. A change at the source is seen
 * when its version is read again, that is within `ttl`; the life of what is cached under the version is a backstop only.
 *
 * @param read asks the source. `undefined`, `null` or an empty text: it does not say.
 * @param options `ttl`: default 5 s; 0: each request asks for itself.
 * @returns the version as text (a `Date` as its milliseconds), or `undefined`, which as a `version` takes any entry: the source does not say,
 * or can't be asked now. The latter is a `fault` event of the kind `background-load`.
 * @throws what `read` throws if it is an answer: `staleIfError` decides, by default an error with a `status` of 4xx is one. InvalidKeyError,
 * InvalidOptionError, InvalidDurationError for what the call gives.
 * @example
 * const version = await upstreamVersion(cache, versionedKey('catalog-modified', uuid), () => catalogs.modified(uuid));
 * await cache.getOrSet(versionedKey('catalog', uuid), () => catalogs.read(uuid), { ttl: '6h', version });
 */
export async function upstreamVersion(
  cache: Pick<TieredCache, 'name' | 'nameOf' | 'getOrSet'> & Partial<Pick<TieredCache, 'defaults'>>,
  key: KeyOf<string>,
  read: (context: LoadContext<string>) => Version | Promise<Version>,
  options: UpstreamVersionOptions = {},
): Promise<string | undefined> {
  givenLoader(read);
  const ofClass = key instanceof CatalogueKey ? (key.options as EntryOptions<string>) : undefined;
  const kept = ofClass?.ttl === undefined && options.ttl === undefined ? { ...options, ttl: defaultTtl } : options;
  const ask = async (context: LoadContext<string>): Promise<string> =>
    entryValues.version((await read(context)) ?? '') ?? '';
  try {
    return (await cache.getOrSet<string>(key, ask, kept)) || undefined;
  } catch (cause) {
    if (options.signal?.aborted || isOfCaller(cause)) throw cause;
    const text = cache.nameOf(key);
    const staleIfError = options.staleIfError ?? ofClass?.staleIfError ?? cache.defaults?.staleIfError ?? isNoAnswer;
    if (!allowsStale({ staleIfError }, cause, cache.name, text)) throw cause;
    const message = `The version ${text} can't be read; what is cached is taken whatever its version.`;
    reportFault({ source: cache.name, kind: 'background-load', message, key: text, cause });
    return undefined;
  }
}

/** A mistake in the options, and no word of the source. What that says may be no version either. */
function isOfCaller(cause: unknown): boolean {
  if (cause instanceof InvalidOptionError) return cause.option !== 'version';
  return cause instanceof InvalidDurationError;
}
