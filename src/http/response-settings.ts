import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import { defineKey } from '../catalogue/define-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { resolveInstants } from '../catalogue/instants.js';
import type { LifeOptions } from '../catalogue/instants.js';
import type { Fillers } from '../codec/spliced/render-spliced.js';
import { InvalidOptionError } from '../value/errors.js';
import { answerCodec } from './cached-answer.js';
import type { CachedAnswer } from './cached-answer.js';
import type { Presentation } from './answering.js';
import type { CachedResponseOptions } from './cached-response-options.js';
import type { HttpRequest } from './http-exchange.js';
import type { KeyedBy, Principal } from './request-key.js';

/** The options of one handler, read once. */
export interface ResponseSettings {
  readonly keyedBy: KeyedBy;
  readonly presentation: Presentation;
  /** `undefined`: the request goes around the cache. */
  readonly principalOf: (request: HttpRequest) => Principal | undefined;
  /** Keys bring along how their entries are kept, so that a hit looks at no options. */
  readonly keyOf: (text: string) => CatalogueKey<CachedAnswer>;
  /** What depends on the request; `undefined` where nothing does. */
  readonly optionsFor: ((request: HttpRequest) => EntryOptions<CachedAnswer>) | undefined;
  /** What decides on the life, over the cache's defaults. */
  readonly life: Pick<LifeOptions<unknown>, 'ttl' | 'staleFor' | 'jitter'>;
  readonly maxBodyBytes: number;
  readonly instances: 'refuse' | 'plain';
}

const mebibyte = 2 ** 20;

/** @throws InvalidOptionError, InvalidDurationError naming the option. */
export function responseSettings(options: CachedResponseOptions): ResponseSettings {
  const { principal, tags, fill, ttl, staleFor, jitter, query = [], headers = [], cacheControl = 'max-age' } = options;
  const { cache: _1, query: _2, headers: _3, principal: _4, tags: _5, cacheControl: _6, fill: _7, ...rest } = options;
  const { maxBodyBytes = mebibyte, instances = 'refuse', ttl: _8, staleFor: _9, jitter: _10, ...entry } = rest;
  if (!(maxBodyBytes > 0)) throw new InvalidOptionError('maxBodyBytes', `${maxBodyBytes} is no size`, 'Give bytes.');
  const life = definedOnly({ ttl, staleFor, jitter });
  resolveInstants({ ...life, ttl: typeof ttl === 'object' ? 0 : (ttl ?? 0) }, undefined, 0);
  const lowerHeaders = headers.map((name) => name.toLowerCase());
  const answers = defineKey('{answer}', {
    ...entry,
    holds: 'an HTTP answer',
    codec: answerCodec,
    isolation: 'share',
    // The cache's defaults for these are made for other values, or are in the answer's life already.
    jitter: 0,
    cacheIf: () => true,
    negative: { ttl: 0, when: () => false },
    ...(staleFor !== undefined && { staleFor }),
    ttl: { description: 'as the answer says', endless: true, freshUntil: freshUntilOf },
    ...(Array.isArray(tags) && { tags: tags as readonly string[] }),
  });
  return {
    keyedBy: { query: [...query].sort(), headers: [...lowerHeaders].sort() },
    presentation: {
      cacheControl,
      vary: principal === 'anyone' ? headers : ['Authorization', 'Cookie', ...headers],
      fill: fill as ((request: HttpRequest) => Fillers) | undefined,
    },
    principalOf: principalBy(principal),
    keyOf: (answer) => answers({ answer }),
    optionsFor: typeof tags === 'function' ? (request) => ({ tags: tags(request as never) }) : undefined,
    life,
    maxBodyBytes,
    instances,
  };
}

const freshUntilOf = ({ value }: { readonly value: CachedAnswer }): number => value.head.freshUntil;

function principalBy(principal: CachedResponseOptions['principal']): ResponseSettings['principalOf'] {
  if (principal === 'anyone') return () => null;
  if (principal) return (request) => principal(request as never);
  return ({ headers, user }) => {
    const isPersonal = headers.authorization !== undefined || headers.cookie !== undefined || Boolean(user);
    return isPersonal ? undefined : null;
  };
}

function definedOnly<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
