import { milliseconds, positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { assertTag } from '../value/entry.js';
import { InvalidOptionError } from '../value/errors.js';
import type { EntryOptions, NegativeOptions, StoredTier, TimeoutOptions } from './entry-options.js';
import { finiteMilliseconds, readLife } from './instants.js';

const maxTags = 16;
const maxVersionBytes = 0xffff;
/** Of `failureHold`, and its default. */
const maxFailureHoldMs = 1_000;
/** Of numbers, from 0. */
const largest = { jitter: 0.5, earlyRefresh: 100, refreshAfter: 1 } as const;

type ReadTimeout = { readonly softMs: number; readonly hardMs: number | undefined };

/**
 * The values of options, durations as milliseconds, and the default for what is undefined. Callers of plain JavaScript can give anything.
 *
 * @throws InvalidDurationError, InvalidOptionError naming the option and what is valid.
 */
export const entryValues = {
  ttl: <V>(given: EntryOptions<V>['ttl'] = 300_000) => readLife(given, 'ttl'),
  staleFor: (given: Duration = 0) => finiteMilliseconds(given, 'staleFor'),
  jitter: (given = 0) => share('jitter', given),
  earlyRefresh: (given = 0) => share('earlyRefresh', given),
  refreshAfter: (given = 0) => share('refreshAfter', given),
  maxLoad: (given: Duration = 30_000) => positiveMilliseconds(given, 'maxLoad'),
  nearTtl: (given?: Duration) => (given === undefined ? Infinity : positiveMilliseconds(given, 'nearTtl')),
  timeout(given: TimeoutOptions = {}): ReadTimeout {
    assertObject('timeout', given, 'Give { soft, hard }.');
    const softMs = given.soft === undefined ? 0 : milliseconds(given.soft, 'timeout.soft');
    const hardMs = given.hard === undefined ? undefined : positiveMilliseconds(given.hard, 'timeout.hard');
    if (hardMs === undefined || softMs <= hardMs) return { softMs, hardMs };
    const problem = 'it is longer than timeout.hard, after which nobody waits any more';
    throw new InvalidOptionError('timeout.soft', problem, 'Give the same or a shorter one.');
  },
  negative<V>(given: NegativeOptions<V> | undefined): NegativeOptions<V> | undefined {
    if (given === undefined) return undefined;
    assertObject('negative', given, 'Give { ttl, staleFor, when }.');
    const when = callable('negative.when', given.when, 'the value');
    return {
      ttl: finiteMilliseconds(given.ttl, 'negative.ttl'),
      staleFor: finiteMilliseconds(given.staleFor === undefined ? 0 : given.staleFor, 'negative.staleFor'),
      ...(when && { when }),
    };
  },
  failureHold(given: Duration = maxFailureHoldMs): number {
    const holdMs = milliseconds(given, 'failureHold');
    if (holdMs <= maxFailureHoldMs) return holdMs;
    throw new InvalidOptionError('failureHold', `${holdMs} ms is too long`, 'Give 0 to 1 second.');
  },
  inheritTags(given = false): boolean {
    if (typeof given === 'boolean') return given;
    throw new InvalidOptionError('inheritTags', 'it is neither true nor false', 'Give true or false.');
  },
  cacheIf: <V>(given: EntryOptions<V>['cacheIf']) => callable('cacheIf', given, 'the value'),
  staleIfError: (given: EntryOptions['staleIfError']) => callable('staleIfError', given, 'the error'),
  tags(given: readonly string[] = []): readonly string[] {
    assertList('tags', given, `Give an array of up to ${maxTags} texts.`);
    if (given.length > maxTags) {
      const remedy = `Give at most ${maxTags}: each costs a look-up.`;
      throw new InvalidOptionError('tags', `${given.length} tags on one entry`, remedy);
    }
    given.forEach(assertTag);
    return [...new Set(given)]; // a copy: the caller may change its own
  },
  tiers(given: readonly StoredTier[] | undefined): readonly StoredTier[] | undefined {
    if (given === undefined) return undefined;
    const remedy = "Give 'process', 'store', both, or none of them, as an array.";
    assertList('tiers', given, remedy);
    const wrong = given.find((tier) => tier !== 'process' && tier !== 'store');
    if (wrong === undefined) return given;
    throw new InvalidOptionError('tiers', `'${String(wrong).slice(0, 20)}' is none`, remedy);
  },
  signal(given: AbortSignal | undefined): AbortSignal | undefined {
    if (given === undefined) return undefined;
    const { aborted, addEventListener } = (given ?? {}) as Partial<AbortSignal>;
    if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return given;
    throw new InvalidOptionError('signal', 'what was given is none', 'Give an AbortSignal.');
  },
  /** An upstream version as it stands in an entry. */
  version(given: EntryOptions['version']): string | undefined {
    if (given === undefined) return undefined;
    if (typeof given === 'string') return wellFormed(given);
    const comparable = given instanceof Date ? given.getTime() : given;
    if (Number.isFinite(comparable)) return `${comparable}`;
    throw new InvalidOptionError('version', 'it can’t be compared', 'Give a text, a finite number or a valid date.');
  },
} satisfies { readonly [Name in keyof Omit<EntryOptions, 'isolation' | 'codec'>]-?: (given: never) => unknown };

/** As UTF-8 each version is another one: it stands so in the entry. */
function wellFormed(version: string): string {
  if (version.isWellFormed() && Buffer.byteLength(version) <= maxVersionBytes) return version;
  const remedy = `Give a well-formed text of up to ${maxVersionBytes} bytes: of a longer one, its hash.`;
  throw new InvalidOptionError('version', 'it can’t stand in an entry', remedy);
}

function share(option: keyof typeof largest, given: number): number {
  if (typeof given === 'number' && given >= 0 && given <= largest[option]) return given;
  const shown = typeof given === 'number' ? `${given} is out of range` : 'it is no number';
  throw new InvalidOptionError(option, shown, `Give a number from 0 to ${largest[option]}.`);
}

function callable<F>(option: string, given: F | undefined, of: string): F | undefined {
  if (given === undefined || typeof given === 'function') return given;
  throw new InvalidOptionError(option, 'it is no function', `Give a function of ${of}.`);
}

function assertObject(option: string, given: unknown, remedy: string): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new InvalidOptionError(option, 'the options are no object', remedy);
}

function assertList(option: string, given: unknown, remedy: string): void {
  if (!Array.isArray(given)) throw new InvalidOptionError(option, 'it is no array', remedy);
}
