import type { Protections } from '../../cache/cache-configuration.js';
import type { Store } from '../../store/store.js';
import type { Clock } from '../../value/clock.js';
import type { Check } from './checks.js';
import type { FaultWeights } from './fault-names.js';
import type { History, Moment } from './history.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedCacheConfiguration, SimulatedProcess } from './simulated-process.js';

/** Versions by rows. A version is a number that grows with every change of its row; undefined: nothing is known of that row. */
export type Versions = Readonly<Record<string, number | undefined>>;

/** What an operation is given. */
export interface OperationContext<Shared, Service> {
  /** What `start` returned for this process. */
  readonly service: Service;
  readonly shared: Shared;
  readonly process: SimulatedProcess;
  /** Chance for what this operation chooses: the same in every telling. */
  readonly draw: SeededRandom;
  /** For operations that read or write more than once. */
  readonly history: History;
  /** When this operation began. */
  readonly began: Moment;
}

interface Weighted {
  /** How often it comes, beside the others. Default 1; 0: only at the end, where it reads. */
  readonly weight?: number;
}

/**
 * One thing that the service does for its callers. `reads` returns the versions that it was given; every process does it once more at the end of each
 * story, when all is well. `writes` returns the versions of which its caller may believe that everybody reads them from now on, and undefined where the
 * invalidation was not acknowledged. `does` says by `history` what was read and written.
 */
export type Operation<Shared, Service> = Weighted &
  (
    | { readonly reads: (context: OperationContext<Shared, Service>) => Promise<Versions | undefined> }
    | { readonly writes: (context: OperationContext<Shared, Service>) => Promise<Versions | undefined> }
    | { readonly does: (context: OperationContext<Shared, Service>) => Promise<unknown> }
  );

/** A service in a simulated world, and what must hold of it. */
export interface Simulation<Shared, Service> {
  /** Makes what all processes share, anew for each story: a table, another service. It may draw what this story is about. */
  readonly shared: (random: SeededRandom) => Shared;
  /** Makes the service of one process; of one that crashed, once more. */
  readonly start: (process: SimulatedProcess, shared: Shared) => Service | Promise<Service>;
  /** Ends it, once the story is over. */
  readonly stop?: (service: Service) => Promise<unknown>;
  /** At least one, by names that stand in the picture of a history. */
  readonly operations: Readonly<Record<string, Operation<Shared, Service>>>;
  /** At least one. See {@link neverOlderThanAcknowledged}, {@link neverGoesBack}, {@link oneLoadAtATime}, {@link nothingGivenUp}. */
  readonly holds: readonly [Check, ...Check[]];
  /** How many processes there are. Default 2. */
  readonly processes?: number;
  /** The store below all of them, made with the clock of the simulation. It keeps all in memory. Default `memoryStore`. */
  readonly store?: (clock: Clock) => Store;
  /** Options of `process.cache`. `coherence.interval` is 1 s by default, as with every store of a fleet. */
  readonly cache?: SimulatedCacheConfiguration;
  /** What goes wrong, by weights. Default: everything. `false`: nothing. */
  readonly faults?: FaultWeights | false;
  /** After how long an unanswered command of a process is given up, in simulated milliseconds. Default 250. */
  readonly commandTimeoutMs?: number;
  /** How many stories are told, from seed 1 on, or which. Default 200. */
  readonly seeds?: number | readonly number[];
  /** How many times at most something is chosen to happen in a story, before it is told to its end: so often, or half or a third as often. Default 300. */
  readonly turns?: number;
  /** How often a story that breaks is told again to make it shorter. Default 300; 0: not at all. */
  readonly shrinkRuns?: number;
  /** @internal */
  readonly protections?: Protections;
}
