import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { Duration } from '../value/duration.js';
import { serverLifeMs } from '../value/server-life.js';
import { KnownOptions } from '../value/known-options.js';
import type { AnyRecordKey } from './record-keys.js';

/** What the body of a transaction works with. */
export interface RecordTransaction {
  /**
   * The record's value; `undefined` where there is none. From then on a change by others makes the body run again. A value that the body has set is read back.
   * @throws UndecodableError where a list, a set or the like stands there
   */
  get<V>(key: CatalogueKey<V>): Promise<V | undefined>;
  /** Values in the order of the keys, `undefined` where there is none: one trip, and a second one that looks at what is missing. Duplicates are allowed. */
  getMany<V>(keys: readonly CatalogueKey<V>[]): Promise<(V | undefined)[]>;
  /** Written if and when the transaction is committed: nothing happens when the body throws, aborts, or runs again. */
  set<V>(key: CatalogueKey<V>, value: NoInfer<V>, options?: RecordWriteOptions): void;
  /** Removed if and when the transaction is committed. */
  delete(key: AnyRecordKey): void;
  /** `return tx.abort('over-cap')`: ends the transaction without a change. The outcome carries the reason. */
  abort<const R>(reason: R): AbortedTransaction<R>;
}

export interface RecordWriteOptions {
  /** How long the record lives: more than 0, and at most `Number.MAX_SAFE_INTEGER` ms. Default: until it is removed. */
  readonly ttl?: Duration | undefined;
}

const known = KnownOptions.of<RecordWriteOptions>('The write of a record', { ttl: true });

/** Milliseconds; `undefined`: until it is removed. @throws InvalidOptionError, InvalidDurationError */
export function recordLifeMs(options: RecordWriteOptions = {}): number | undefined {
  known.check(options);
  return options.ttl === undefined ? undefined : serverLifeMs(options.ttl, 'ttl');
}

/** What a body returns to end its transaction without a change. Made by `tx.abort`. */
export class AbortedTransaction<R> {
  /** For the compiler: a value that has a `reason` as well is none. */
  declare private readonly isAborted: true;

  constructor(readonly reason: R) {}
}

export interface TransactionOptions {
  /** How often the body may run before ConflictError. Default 25. */
  readonly attempts?: number | undefined;
  /** For all attempts together, the wait for a connection included; a body that runs is not interrupted. Default 2 s. */
  readonly deadline?: Duration | undefined;
  /** Ends the wait, and the attempts; rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * `committed`: everything that the body set and deleted has happened at once, and nothing that it read had changed. `aborted`: nothing has happened, and
 * what the body read to decide so was true at one moment.
 */
export type TransactionOutcome<T> =
  | { readonly status: 'committed'; readonly value: Exclude<T, AbortedTransaction<unknown>>; readonly attempts: number }
  | { readonly status: 'aborted'; readonly reason: T extends AbortedTransaction<infer R> ? R : never };
