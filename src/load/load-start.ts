import type { Placed } from '../coherence/placed.js';
import type { FillLease } from '../origin/fill-lease.js';
import type { TagGeneration } from '../value/entry.js';

/** What was true when a load began, and what it may do with its result. */
export interface LoadStart {
  /** On the monotonic clock: life counts from here. */
  readonly startedAt: number;
  /** The position among invalidated names. */
  readonly mark: number;
  /** The generation that entries of this version carry on the key's shard. */
  readonly generation: number;
  /** Where the entry goes; absent without a store, or when it can't be reached. */
  readonly placed: Placed | undefined;
  /** The right to fill; a load without one is kept near at most. */
  readonly lease: FillLease | undefined;
  /** The generations of the policy's tags; absent when they could not be read, and then nothing with tags is kept. */
  readonly tags: readonly TagGeneration[] | undefined;
  /** `forced`: other processes are told of its result. `refresh`: something is served meanwhile, which goes where there is none any more. */
  readonly cause: LoadCause;
}

/** Why a load began: nothing was there; what is there gets old; whatever is there was not wanted. */
export type LoadCause = 'miss' | 'refresh' | 'forced';
