import type { Codec, Isolation } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { positiveMilliseconds } from '../value/duration.js';
import { InvalidOptionError } from '../value/errors.js';
import type { EntryOptions } from './entry-options.js';
import { entryValues } from './entry-values.js';
import { isLife } from './instants.js';
import type { LifeOptions } from './instants.js';

/**
 * What a look-up asks of whatever it is served. Policies that ask for the same share one object: a copy that was made for it is served without a
 * second look.
 */
export interface Serving<V = unknown> {
  readonly codec: Codec<V>;
  readonly isolation: Isolation;
  /** The upstream version; undefined: any. */
  readonly version: string | undefined;
}

/** The options of one look-up with all defaults filled in and all durations read. */
export interface EntryPolicy<V = unknown> {
  /** What decides when an entry ends. */
  readonly life: LifeOptions<V>;
  readonly earlyRefresh: number;
  /** 0: off; else the share of a life after which it is refreshed. */
  readonly refreshAfter: number;
  /** 0: a stale value is served at once. */
  readonly softMs: number;
  readonly hardMs: number;
  readonly maxLoadMs: number;
  readonly cacheIf: ((value: V) => boolean) | undefined;
  readonly tags: readonly string[];
  readonly inheritTags: boolean;
  readonly serving: Serving<V>;
  /** Near copies live no longer than this. */
  readonly nearTtlMs: number;
  /** How long this process answers with the error of a failed load, and how long others wait for its lease. */
  readonly failureHoldMs: number;
  readonly signal: AbortSignal | undefined;
  /** For lives that slide with use: every use must reach the store, which starts this life anew. */
  readonly idleMs: number | undefined;
  readonly nearby: boolean;
  readonly shared: boolean;
  /** A life of 0, whatever the value: no request joins the load of another one. */
  readonly requestOnly: boolean;
  readonly staleIfError: (error: unknown) => boolean;
  /** A look-up of this policy is answered by nothing but the stored item. */
  readonly needsItemAlone: boolean;
  /** And its caller waits for as long as it takes. */
  readonly isPlain: boolean;
}

const jsonCodec = json();

/**
 * Layers of options, the strongest first, as one policy.
 * @param serving that of a policy which asks for the same, if there is one.
 * @throws InvalidDurationError, InvalidOptionError naming the option.
 */
export function entryPolicy<V>(layers: readonly (EntryOptions<V> | undefined)[], serving?: Serving<V>): EntryPolicy<V> {
  const pick = <K extends keyof EntryOptions<V>>(name: K): EntryOptions<V>[K] | undefined =>
    layers.find((layer) => layer?.[name] !== undefined)?.[name];
  const maxLoadMs = entryValues.maxLoad(pick('maxLoad'));
  const { softMs, hardMs = maxLoadMs } = entryValues.timeout(pick('timeout'));
  // Read here once, and not for each entry.
  const ttl = entryValues.ttl(pick('ttl'));
  const negative = entryValues.negative(pick('negative'));
  const idleMs = isLife(ttl) && ttl.idle !== undefined ? positiveMilliseconds(ttl.idle, 'ttl.idle') : undefined;
  const tags = entryValues.tags(pick('tags'));
  const tiers = entryValues.tiers(pick('tiers'));
  const signal = entryValues.signal(pick('signal'));
  const shared = tiers?.includes('store') ?? true;
  const requestOnly = ttl === 0 && (!negative || negative.ttl === 0);
  const needsItemAlone = tags.length === 0 && idleMs === undefined && !requestOnly;
  return {
    life: {
      ttl,
      staleFor: entryValues.staleFor(pick('staleFor')),
      jitter: entryValues.jitter(pick('jitter')),
      ...(negative && { negative }),
    },
    earlyRefresh: entryValues.earlyRefresh(pick('earlyRefresh')),
    refreshAfter: entryValues.refreshAfter(pick('refreshAfter')),
    softMs,
    hardMs,
    maxLoadMs,
    cacheIf: entryValues.cacheIf(pick('cacheIf')),
    tags,
    inheritTags: entryValues.inheritTags(pick('inheritTags')),
    serving: serving ?? servingOf(pick('codec'), pick('isolation'), pick('version')),
    nearTtlMs: entryValues.nearTtl(pick('nearTtl')),
    failureHoldMs: entryValues.failureHold(pick('failureHold')),
    signal,
    idleMs,
    requestOnly,
    nearby: (tiers?.includes('process') ?? true) && idleMs === undefined,
    shared,
    staleIfError: entryValues.staleIfError(pick('staleIfError')) ?? isNoAnswer,
    needsItemAlone,
    isPlain: needsItemAlone && shared && !signal && softMs === 0 && hardMs >= maxLoadMs,
  };
}

/** What these options ask of whatever is served. */
export function servingOf<V>(
  codec = jsonCodec as Codec<V>,
  isolation: Isolation | undefined,
  version: EntryOptions['version'],
): Serving<V> {
  return { codec, isolation: isolationOf(isolation, codec), version: entryValues.version(version) };
}

/** True unless the error is the source's answer: a 4xx other than 408 (timeout) and 429 (too many requests). */
export function isNoAnswer(error: unknown): boolean {
  const { status, statusCode } = (error ?? {}) as { status?: unknown; statusCode?: unknown };
  const code = typeof status === 'number' ? status : statusCode;
  return !(typeof code === 'number' && code >= 400 && code < 500 && code !== 408 && code !== 429);
}

/** It stands in each entry. */
const codecName = /^[\x20-\x7e]{1,100}$/;

/** Whoever calls from plain JavaScript may leave out what the type asks for. @throws InvalidOptionError */
export function assertCodec<V>(codec: Codec<V>): void {
  const { name, isolations, encode, decode } = (codec ?? {}) as Partial<Codec<V>>;
  const remedy = 'Give json(), structured() or text(), or an object with name, isolations, encode and decode.';
  if (isolations?.[0] === undefined || typeof encode !== 'function' || typeof decode !== 'function')
    throw new InvalidOptionError('codec', 'what was given is no codec', remedy);
  if (typeof name === 'string' && codecName.test(name)) return;
  throw new InvalidOptionError('codec', 'its name does not fit into an entry', 'Give it 1 to 100 characters of ASCII.');
}

function isolationOf<V>(asked: Isolation | undefined, codec: Codec<V>): Isolation {
  assertCodec(codec);
  if (asked === undefined) return codec.isolations[0];
  if (codec.isolations.includes(asked)) return asked;
  throw new InvalidOptionError(
    'isolation',
    `'${String(asked).slice(0, 20)}' does not go with the ${codec.name} codec`,
    `It supports: ${codec.isolations.join(', ')}.`,
  );
}
