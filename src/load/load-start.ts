import type { LoadReads } from './load-reads.js';

/** Why a load began: nothing was there; what is there gets old; whatever is there was not wanted. */
export type LoadCause = 'miss' | 'refresh' | 'forced';

/** What was true when the load of one or many keys began. */
export interface LoadStart {
  /** On the monotonic clock and on the wall clock: life counts from here. */
  readonly startedAt: number;
  readonly startedNow: number;
  /** The position among invalidated names. */
  readonly mark: number;
  /** `forced`: other processes are told of its result. `refresh`: something is served meanwhile, which goes where there is none any more. */
  readonly cause: LoadCause;
}

/** The same with what its loader did. */
export interface RunLoad extends LoadStart {
  readonly reads: LoadReads;
  /** Tags that the loader named. */
  readonly added: readonly string[];
}
