import { wasClosed } from './was-closed.js';

/** What led to an error. Named here, since the library of ES2021 has no name for it. */
export interface Caused {
  readonly cause?: unknown;
}

/** What all errors of this library share: a stable `code`, and a message that ends with what to do. */
export abstract class TieredCacheError extends Error {
  /** Stable across releases: compare this, not the message. */
  abstract readonly code: string;

  constructor(message: string, options?: Caused) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A key that has no unambiguous place on the wire. Thrown before any I/O. */
export class InvalidKeyError extends TieredCacheError {
  readonly code = 'INVALID_KEY';
}

/** A duration that is NaN, negative, endless where that is not allowed, or unreadable. */
export class InvalidDurationError extends TieredCacheError {
  readonly code = 'INVALID_DURATION';
  /** @internal */
  declare private readonly given: unknown;
  /** @internal */
  declare private readonly valid: string;

  constructor(
    readonly field: string,
    given: unknown,
    valid = "milliseconds of 0 or more, or a text such as '5m'",
    options?: Caused,
  ) {
    super(`${field}: ${describe(given)} is not a duration. Give ${valid}.`, options);
    Object.defineProperties(this, { given: { value: given }, valid: { value: valid } });
  }

  /** @internal The same error, of an option within another. */
  within(owner: string): InvalidDurationError {
    return new InvalidDurationError(`${owner}.${this.field}`, this.given, this.valid, { cause: this });
  }
}

/** An option or environment variable that can't be used. Stops start-up. */
export class InvalidOptionError extends TieredCacheError {
  readonly code = 'INVALID_OPTION';
  /** @internal */
  declare readonly problem: string;
  /** @internal */
  declare readonly remedy: string;

  constructor(
    readonly option: string,
    problem: string,
    remedy: string,
    options?: Caused,
  ) {
    super(`${option}: ${problem}. ${remedy}`, options);
    Object.defineProperties(this, { problem: { value: problem }, remedy: { value: remedy } });
  }

  /** @internal The same error, of an option within another. */
  within(owner: string): InvalidOptionError {
    return new InvalidOptionError(`${owner}.${this.option}`, this.problem, this.remedy, { cause: this });
  }
}

/** A value that its codec can't give back unchanged. Nothing was stored. */
export class UnencodableValueError extends TieredCacheError {
  readonly code = 'UNENCODABLE_VALUE';
  /** The key that it was to be stored under, where that is known. */
  readonly key: string | undefined;

  /** @param path where in the value, `$` being the value itself: `$.items[3].price`. */
  constructor(
    readonly codec: string,
    readonly path: string,
    private readonly problem: string,
    private readonly remedy: string,
    place: { readonly key?: string; readonly method?: string } & Caused = {},
  ) {
    const { key, method, cause } = place;
    const where = [key, method && `loaded by ${method}`].filter((one) => one !== undefined).join(', ');
    const options = cause === undefined ? undefined : { cause };
    super(`${where && `${where}: `}The ${codec} codec can't store ${path}: ${problem}. ${remedy}`, options);
    this.key = key;
    Object.defineProperty(this, 'problem', { enumerable: false });
    Object.defineProperty(this, 'remedy', { enumerable: false });
  }

  /**
   * The same error as seen from where the key is known: a codec knows the value alone.
   * @param method what has loaded the value, as `Courses.find`.
   */
  at(key: string, method?: string): UnencodableValueError {
    const { codec, path, problem, remedy } = this;
    return new UnencodableValueError(codec, path, problem, remedy, { key, ...(method && { method }), cause: this });
  }
}

/** Stored bytes that are not what they should be. Never leaves the library: the look-up is a miss of that key. */
export class UndecodableError extends TieredCacheError {
  readonly code = 'UNDECODABLE';
}

interface StoreUnavailableOptions extends Caused {
  readonly isRefusal?: boolean;
  /** What to do, in a sentence. Default: to check that the store runs. */
  readonly remedy?: string;
}

const checkThatItRuns = 'Check that it runs and can be reached from this host.';

const remedyOf = (problem: string): string =>
  problem === wasClosed ? 'Use it before its close(), which the end of an application calls.' : checkThatItRuns;

/** The store, or the part of it that holds the key, can't be reached within its deadline. */
export class StoreUnavailableError extends TieredCacheError {
  readonly code = 'STORE_UNAVAILABLE';
  /** @internal The store refuses this, and goes on with the rest: it says so by a fault of its own. */
  declare readonly isRefusal?: true;
  /** @internal The message without the shard and the remedy. */
  declare readonly problem: string;
  /** @internal */
  declare readonly remedy: string;

  constructor(
    readonly shard: string,
    problem: string,
    { isRefusal = false, remedy = remedyOf(problem), ...options }: StoreUnavailableOptions = {},
  ) {
    super(`${shard}: ${problem}. ${remedy}`, options);
    Object.defineProperties(this, { problem: { value: problem }, remedy: { value: remedy } });
    if (isRefusal) this.isRefusal = true;
  }
}

/** The value's encoded form exceeds what the store takes for one item. The older copy is gone. */
export class ValueTooLargeError extends TieredCacheError {
  readonly code = 'VALUE_TOO_LARGE';

  constructor(
    readonly key: string,
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `${key}: ${bytes} bytes exceed the store's limit of ${maxBytes}. Store less, compress it, or raise the limit.`,
    );
  }
}

/** Somebody else wrote the key on every try of a compare-and-set. */
export class ConflictError extends TieredCacheError {
  readonly code = 'CONFLICT';

  constructor(
    readonly key: string,
    readonly tries: number,
  ) {
    super(
      `${key}: changed by others during ${tries} tries in a row. Try again later, or spread the writes over more keys.`,
    );
  }
}

/**
 * The load did not finish in time. `limit` names the option that was reached. `timeout.hard`: the caller gave up; a load that runs goes on, and may still be
 * stored. `maxLoad`: a load that ran here was told to stop, and what it brings later is dropped. Without `timeout.hard`, a caller also gives up after so long
 * where the load waits for its turn, or another process runs it.
 */
export class LoadTimeoutError extends TieredCacheError {
  readonly code = 'LOAD_TIMEOUT';

  constructor(
    readonly key: string,
    readonly timeoutMs: number,
    readonly limit: 'timeout.hard' | 'maxLoad' = 'timeout.hard',
  ) {
    super(
      `${key}: not loaded within ${timeoutMs} ms (${limit}). Raise ${limit}, or allow stale answers with staleFor.`,
    );
  }
}

/** A loader asked, directly or through another loader, for the key that it is loading. */
export class RecursiveLoadError extends TieredCacheError {
  readonly code = 'RECURSIVE_LOAD';

  constructor(readonly key: string) {
    super(`${key}: its loader asks for the same key and would wait for itself. Load from the source there.`);
  }
}

/** The lock is somebody else's, and stayed so for as long as the caller was ready to wait. */
export class LockHeldError extends TieredCacheError {
  readonly code = 'LOCK_HELD';

  /** @param retryAfterMs when the present holder's right ends if it is not renewed; absent when unknown. */
  constructor(
    readonly resource: string,
    readonly retryAfterMs?: number,
  ) {
    super(`${resource}: locked by another holder. Try again later, or give a longer wait.`);
  }
}

/** Whether the lock is free can't be known. The section did not run. */
export class LockUnavailableError extends TieredCacheError {
  readonly code = 'LOCK_UNAVAILABLE';

  constructor(
    readonly resource: string,
    options?: Caused,
  ) {
    super(`${resource}: the lock store can't be reached, so the section did not run. Try again later.`, options);
  }
}

/** The right ended before it was given back. What the section wrote since may have met another holder's writes. */
export class LeaseLostError extends TieredCacheError {
  readonly code = 'LEASE_LOST';

  constructor(
    readonly resource: string,
    readonly reason: 'expired' | 'taken' | 'gone' | 'unreachable' | 'shutdown' | 'released',
  ) {
    super(
      `${resource}: the lock was lost (${reason}). Check the outcome, and compare fencing tokens where it matters.`,
    );
  }
}

function describe(given: unknown): string {
  if (typeof given === 'string') return `'${given.slice(0, 50)}'`;
  return typeof given === 'number' || given === null ? `${given}` : typeof given;
}
