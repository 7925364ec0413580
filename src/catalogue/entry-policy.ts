import type { Codec, Isolation } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { milliseconds, positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { assertTag } from '../value/entry.js';
import { InvalidOptionError } from '../value/errors.js';
import type { EntryOptions } from './entry-options.js';
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
  /** How long this process answers with the error of a failed load; undefined: as long as others wait for its lease, where there is one. */
  readonly failureHoldMs: number | undefined;
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

const defaultMaxLoadMs = 30_000;
const maxTags = 16;
/** Of `failureHold`, and its default. */
export const maxFailureHoldMs = 1_000;
const jsonCodec = json();

/**
 * Layers of options, the strongest first, as one policy.
 * @param serving that of a policy which asks for the same, if there is one.
 * @throws InvalidDurationError, InvalidOptionError naming the option.
 */
export function entryPolicy<V>(layers: readonly (EntryOptions<V> | undefined)[], serving?: Serving<V>): EntryPolicy<V> {
  const pick = <K extends keyof EntryOptions<V>>(name: K): EntryOptions<V>[K] | undefined =>
    layers.find((layer) => layer?.[name] !== undefined)?.[name];
  const maxLoadMs = positiveMilliseconds(pick('maxLoad') ?? defaultMaxLoadMs, 'maxLoad');
  const timeout = pick('timeout');
  const tiers = pick('tiers');
  const negative = pick('negative');
  const given = pick('ttl') ?? 300_000;
  // Read here once, and not for each entry.
  const ttl = typeof given === 'string' ? milliseconds(given, 'ttl') : given;
  const idleMs = isLife(ttl) && ttl.idle !== undefined ? positiveMilliseconds(ttl.idle, 'ttl.idle') : undefined;
  const softMs = timeout?.soft === undefined ? 0 : milliseconds(timeout.soft, 'timeout.soft');
  const hardMs = timeout?.hard === undefined ? maxLoadMs : positiveMilliseconds(timeout.hard, 'timeout.hard');
  if (timeout?.hard !== undefined && softMs > hardMs) {
    const problem = 'it is longer than timeout.hard, after which nobody waits any more';
    throw new InvalidOptionError('timeout.soft', problem, 'Give the same or a shorter one.');
  }
  const tags = checkedTags(pick('tags') ?? []);
  for (const tier of tiers ?? []) assertTier(tier);
  const signal = pick('signal');
  const shared = tiers?.includes('store') ?? true;
  const requestOnly = !negative && ttl === 0;
  const needsItemAlone = tags.length === 0 && idleMs === undefined && !requestOnly;
  return {
    life: {
      ttl,
      staleFor: milliseconds(pick('staleFor') ?? 0, 'staleFor'),
      jitter: share('jitter', pick('jitter') ?? 0, 0.5),
      ...(negative && { negative }),
    },
    earlyRefresh: share('earlyRefresh', pick('earlyRefresh') ?? 0, 100),
    refreshAfter: share('refreshAfter', pick('refreshAfter') ?? 0, 1),
    softMs,
    hardMs,
    maxLoadMs,
    cacheIf: pick('cacheIf'),
    tags,
    inheritTags: pick('inheritTags') ?? false,
    serving: serving ?? servingOf(pick('codec') ?? (jsonCodec as Codec<V>), pick('isolation'), pick('version')),
    nearTtlMs: pick('nearTtl') === undefined ? Infinity : positiveMilliseconds(pick('nearTtl') as Duration, 'nearTtl'),
    failureHoldMs: failureHold(pick('failureHold')),
    signal,
    idleMs,
    requestOnly,
    nearby: (tiers?.includes('process') ?? true) && idleMs === undefined,
    shared,
    staleIfError: pick('staleIfError') ?? isNoAnswer,
    needsItemAlone,
    isPlain: needsItemAlone && shared && !signal && hardMs >= maxLoadMs,
  };
}

/** What these options ask of whatever is served. */
export function servingOf<V>(
  codec: Codec<V>,
  isolation: Isolation | undefined,
  version: EntryOptions['version'],
): Serving<V> {
  return { codec, isolation: isolationOf(isolation, codec), version: versionText(version) };
}

function assertTier(tier: string): void {
  if (tier === 'process' || tier === 'store') return;
  throw new InvalidOptionError('tiers', `'${tier}' is none`, "Give 'process', 'store', both, or none of them.");
}

function failureHold(given: Duration | undefined): number | undefined {
  if (given === undefined) return undefined;
  const holdMs = milliseconds(given, 'failureHold');
  if (holdMs <= maxFailureHoldMs) return holdMs;
  throw new InvalidOptionError('failureHold', `${holdMs} ms is too long`, 'Give 0 to 1 second.');
}

/** An upstream version as it stands in an entry. */
export function versionText(version: string | number | Date | undefined): string | undefined {
  return version instanceof Date ? `${version.getTime()}` : version === undefined ? undefined : `${version}`;
}

/** True unless the error is the source's answer: a 4xx other than 408 (timeout) and 429 (too many requests). */
export function isNoAnswer(error: unknown): boolean {
  const { status, statusCode } = (error ?? {}) as { status?: unknown; statusCode?: unknown };
  const code = typeof status === 'number' ? status : statusCode;
  return !(typeof code === 'number' && code >= 400 && code < 500 && code !== 408 && code !== 429);
}

function share(option: string, value: number, max: number): number {
  if (value >= 0 && value <= max) return value;
  throw new InvalidOptionError(option, `${value} is out of range`, `Give a number from 0 to ${max}.`);
}

function checkedTags(tags: readonly string[]): readonly string[] {
  if (tags.length > maxTags) {
    throw new InvalidOptionError(
      'tags',
      `${tags.length} tags on one entry`,
      `Give at most ${maxTags}: each costs a look-up.`,
    );
  }
  tags.forEach(assertTag);
  return new Set(tags).size === tags.length ? tags : [...new Set(tags)];
}

function isolationOf<V>(asked: Isolation | undefined, codec: Codec<V>): Isolation {
  // Whoever calls from plain JavaScript may leave out what the type asks for.
  const { isolations, encode, decode } = codec as Partial<Codec<V>>;
  if (isolations?.[0] === undefined || typeof encode !== 'function' || typeof decode !== 'function') {
    const remedy = 'Give json(), structured() or text(), or an object with name, isolations, encode and decode.';
    throw new InvalidOptionError('codec', 'what was given is no codec', remedy);
  }
  if (asked === undefined) return isolations[0];
  if (codec.isolations.includes(asked)) return asked;
  throw new InvalidOptionError(
    'isolation',
    `'${asked}' does not go with the ${codec.name} codec`,
    `It supports: ${codec.isolations.join(', ')}.`,
  );
}
