import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import { defineKey } from '../catalogue/define-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { entryValues } from '../catalogue/entry-values.js';
import type { LifeOptions } from '../catalogue/instants.js';
import type { Fillers } from '../codec/spliced/render-spliced.js';
import { entryOptionTable } from '../catalogue/known-entry-options.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { assertOptionValues } from './assert-option-values.js';
import { answerCodec } from './cached-answer.js';
import type { CachedAnswer } from './cached-answer.js';
import type { CachedResponseOptions } from './cached-response-options.js';
import type { HttpRequest } from './http-exchange.js';
import { keyedByParts } from './keyed-by.js';
import type { KeyedPart } from './keyed-parts.js';
import { neverKept } from './kept-headers.js';
import { problemOfLife } from './life-of-answers.js';
import { principalBy } from './principal.js';
import type { Principal } from './principal.js';
import type { ChosenNames } from './request-key.js';

/** The options of one handler, read once. */
export interface ResponseSettings {
  readonly cache: string;
  /** The handler's name in its class. */
  readonly method: string;
  readonly inKey: ChosenNames;
  /** What only the application knows: a tenant, a locale. */
  readonly keyedBy: ((request: HttpRequest) => readonly unknown[]) | undefined;
  /** What the handler takes as a whole. */
  readonly keyedParts: readonly KeyedPart[];
  readonly cacheControl: 'max-age' | 'no-cache' | false;
  readonly vary: readonly string[];
  readonly fill: ((request: HttpRequest) => Fillers) | undefined;
  readonly status: boolean | 'key';
  /** `undefined`: the request goes around the cache. */
  readonly principalOf: (request: HttpRequest) => Principal | undefined;
  /** Somebody said whose the answers are: requests with credentials have answers, too. */
  readonly hasPrincipal: boolean;
  /** A function names who asks, or `keyedBy` what makes a difference: request-scoped things, guards and `@Req()` are covered. */
  readonly isRequestCovered: boolean;
  /** Shared caches are meant, by name. */
  readonly isPublic: boolean;
  /** In lower case. */
  readonly keepHeaders: ReadonlySet<string>;
  /** Keys bring along how their entries are kept, so that a hit looks at no options. */
  readonly keyOf: (text: string) => CatalogueKey<CachedAnswer>;
  /** What depends on the request; `undefined` where nothing does. */
  readonly optionsFor: ((request: HttpRequest) => EntryOptions<CachedAnswer>) | undefined;
  /** What decides on the life, over the cache's defaults. */
  readonly life: Pick<LifeOptions<unknown>, 'ttl' | 'staleFor' | 'jitter'>;
  readonly maxBodyBytes: number;
}

const mebibyte = 2 ** 20;

/**
 * @param wholes the parts of the request that the handler takes as a whole.
 * @throws InvalidOptionError, InvalidDurationError naming the option.
 */
export function responseSettings(
  options: CachedResponseOptions,
  method: string,
  wholes: readonly ('query' | 'headers')[] = [],
): ResponseSettings {
  known.check(options);
  assertOptionValues(options);
  const { principal, tags, keyedBy, fill, headers = [], query = [], maxBodyBytes = mebibyte } = options;
  const bad = options.keepHeaders?.find(neverKept);
  if (bad !== undefined) {
    throw new InvalidOptionError(
      'keepHeaders',
      `${bad} belongs to one exchange`,
      'Set it in middleware, or leave it out.',
    );
  }
  const lowerHeaders = headers.map((name) => name.toLowerCase());
  // A function that says who asks has looked at the credentials.
  const seenHeaders = typeof principal === 'function' ? [...lowerHeaders, 'authorization', 'cookie'] : lowerHeaders;
  const credentials = principal === 'anyone' ? [] : ['Authorization', 'Cookie'];
  return {
    cache: options.cache ?? 'default',
    method,
    inKey: { query: [...query].sort(), headers: [...lowerHeaders].sort() },
    keyedBy: keyedBy && keyedByParts(keyedBy),
    keyedParts: wholes.map((part): KeyedPart => [part, part === 'query' ? query : seenHeaders]),
    cacheControl: options.cacheControl ?? 'max-age',
    vary: [...credentials, ...headers],
    fill: fill as ((request: HttpRequest) => Fillers) | undefined,
    status: options.cacheStatus ?? true,
    principalOf: principalBy(principal),
    hasPrincipal: principal !== undefined,
    isRequestCovered: typeof principal === 'function' || keyedBy !== undefined,
    isPublic: options.public === true,
    keepHeaders: new Set(options.keepHeaders?.map((name) => name.toLowerCase())),
    keyOf: keysOf(options),
    optionsFor: typeof tags === 'function' ? (request) => ({ tags: tags(request) }) : undefined,
    life: lifeOf(options),
    maxBodyBytes,
  };
}

function lifeOf({ ttl, staleFor, jitter }: CachedResponseOptions): ResponseSettings['life'] {
  const problem = problemOfLife(entryValues.ttl(ttl));
  if (problem !== undefined) {
    throw new InvalidOptionError(
      'ttl',
      problem,
      "Give a duration, or a life of the clock alone such as sinceSet('5m').",
    );
  }
  entryValues.jitter(jitter);
  return definedOnly({ ttl, staleFor, jitter });
}

function keysOf({
  ttl,
  staleFor,
  earlyRefresh,
  timeout,
  maxLoad,
  tiers,
  tags,
  inheritTags,
}: CachedResponseOptions): ResponseSettings['keyOf'] {
  const answers = defineKey('{answer}', {
    ...definedOnly({ staleFor, earlyRefresh, timeout, maxLoad, tiers, inheritTags }),
    holds: 'an HTTP answer',
    codec: answerCodec,
    isolation: 'share',
    // The cache's defaults for these are made for other values, or are in the answer's life already.
    jitter: 0,
    cacheIf: () => true,
    negative: { ttl: 0, when: () => false },
    ttl:
      entryValues.ttl(ttl) === 0 ? 0 : { description: 'as the answer says', endless: true, freshUntil: freshUntilOf },
    ...(tags !== undefined && typeof tags !== 'function' && { tags }),
  });
  return (answer) => answers({ answer });
}

const freshUntilOf = ({ value }: { readonly value: CachedAnswer }): number => value.head.freshUntil;

const { ttl, staleFor, jitter, earlyRefresh, timeout, maxLoad, tiers, tags, inheritTags } = entryOptionTable;
const known = KnownOptions.of<CachedResponseOptions>(
  '@CachedResponse',
  {
    ...{ ttl, staleFor, jitter, earlyRefresh, timeout, maxLoad, tiers, tags, inheritTags },
    cache: true,
    query: true,
    headers: true,
    keyedBy: true,
    principal: true,
    cacheControl: true,
    public: true,
    keepHeaders: true,
    cacheStatus: true,
    fill: true,
    maxBodyBytes: true,
  },
  { instances: 'Leave it out: interceptors and serializers are at work on every answer.' },
);

function definedOnly<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
