import type { EntryOptions } from '../catalogue/entry-options.js';
import { Integrity } from '../codec/integrity.js';
import type { IntegrityOptions } from '../codec/integrity.js';
import type { CoherenceConfiguration } from '../coherence/coherence.js';
import { renewAfterMs } from '../coherence/version-registry.js';
import type { VersionStamp } from '../coherence/versioned-key-space.js';
import { HiddenNames } from '../key/hidden-names.js';
import type { KeyFormat } from '../key/key-space.js';
import type { ProcessTierOptions } from '../near/process-tier.js';
import type { RequestScope } from '../near/request-scope.js';
import type { Store } from '../store/store.js';
import type { Clock } from '../value/clock.js';
import { milliseconds, positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { InvalidOptionError } from '../value/errors.js';

/** How far near copies are believed. Of stores that keep a feed of invalidations: memcached, Redis, disk, memory; an error with any other store. */
export interface CoherenceOptions {
  /**
   * How often each process reads what others invalidated: a near copy is served for up to this and 250 ms after the invalidation. Default 1 s; 50 ms for stores of
   * this host. More than an hour is taken for an hour.
   */
  readonly interval?: Duration;
  /**
   * How much longer than `interval` near copies are served while a part of the store can't be read, counted from the last reading that was answered. What is loaded
   * meanwhile is kept near for as long. Default 5 s; 0: not at all.
   */
  readonly blindFor?: Duration;
  /** How many bytes of invalidations a process may be behind before it drops all near copies instead of reading them. Default 4 MiB. */
  readonly maxBehindBytes?: number;
}

/** One cache, all questions answered. The module makes it from its options and the environment. */
export interface CacheConfiguration {
  readonly name: string;
  readonly namespace: string;
  readonly packageVersion: string;
  readonly versionStamp?: VersionStamp;
  /** Default: `digest` where there is a secret, else `readable`. */
  readonly keyFormat?: KeyFormat;
  /** What hides the names of keys and tags where the format is `digest`. */
  readonly keySecret?: HiddenNames | string;
  /** What is stored is signed, and what nobody signed is a miss. Default: it is not. */
  readonly integrity?: Integrity | IntegrityOptions;
  /** The store below the process tier; undefined: there is none. The cache opens and closes it. */
  readonly store?: Store | undefined;
  readonly process?: ProcessTierOptions | false;
  readonly coherence?: CoherenceOptions | false;
  /** How many loaders may run at once in this process; more wait for their turn. A whole number of 1 or more. Default: no limit. */
  readonly maxConcurrentLoads?: number;
  readonly defaults?: EntryOptions;
  readonly scope?: RequestScope;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** What a test can switch off, to show what happens without it. All are on. */
export interface Protections {
  /** What was named since a read began is not kept. */
  readonly names?: boolean;
  /** Fills are bound to the state that their lease was won for. */
  readonly leases?: boolean;
  /** Tags have generations. */
  readonly generations?: boolean;
  /** Entries carry the generation of their version. */
  readonly versions?: boolean;
  /** Loads build on verified copies only. */
  readonly verification?: boolean;
}

const defaultMaxBehindBytes = 4 * 2 ** 20;

/** @throws InvalidOptionError, InvalidDurationError naming the option. */
export function resolveCoherence(
  given: CoherenceOptions | false | undefined,
  store: Store | undefined,
): Pick<CoherenceConfiguration, 'intervalMs' | 'blindForMs' | 'maxBehindBytes' | 'polled'> {
  const { interval, blindFor, maxBehindBytes } = given === false ? ({} as CoherenceOptions) : (given ?? {});
  const asked = [interval, blindFor, maxBehindBytes].some((option) => option !== undefined);
  if (asked && store && !store.capabilities.atomic) {
    throw new InvalidOptionError(
      'coherence',
      `the ${store.name} store keeps no feed of invalidations`,
      'Leave it out and give short lives or process: false, or use memcached, Redis, disk or memory.',
    );
  }
  if (maxBehindBytes !== undefined && !(maxBehindBytes >= 65_536)) {
    const problem = `${maxBehindBytes} is no number of bytes to be behind`;
    throw new InvalidOptionError('coherence.maxBehindBytes', problem, 'Give 65536 or more.');
  }
  const defaultIntervalMs = store?.capabilities.reach === 'fleet' ? 1_000 : 50;
  return {
    // With each reading a process renews its version in the list, if that is due.
    intervalMs: Math.min(positiveMilliseconds(interval ?? defaultIntervalMs, 'coherence.interval'), renewAfterMs),
    blindForMs: milliseconds(blindFor ?? 5_000, 'coherence.blindFor'),
    maxBehindBytes: maxBehindBytes ?? defaultMaxBehindBytes,
    polled: given !== false && store?.capabilities.atomic === true,
  };
}

/** With its secrets as objects that show none, however the cache is printed. */
export function withoutShownSecrets(configuration: CacheConfiguration): CacheConfiguration {
  const { integrity, keySecret } = configuration;
  return {
    ...configuration,
    ...(integrity && { integrity: Integrity.of(integrity) }),
    ...(keySecret && { keySecret: HiddenNames.of(keySecret) }),
  };
}

/** What hides names; undefined: they are shown. @throws InvalidOptionError for a format that needs a secret, and has none. */
export function hiddenNames({ keyFormat, keySecret }: CacheConfiguration): HiddenNames | undefined {
  const format = keyFormat ?? (keySecret === undefined ? 'readable' : 'digest');
  if (format === 'readable') return undefined;
  if (format !== 'digest') {
    throw new InvalidOptionError(
      'keyFormat',
      `'${String(format).slice(0, 20)}' is none`,
      "Give 'readable' or 'digest'.",
    );
  }
  if (keySecret !== undefined) return HiddenNames.of(keySecret);
  const problem = "keyFormat 'digest' hides names by a secret, and there is none";
  throw new InvalidOptionError('keySecret', problem, 'Set CACHE_KEY_SECRET to what `openssl rand -base64 32` prints.');
}
