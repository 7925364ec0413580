import { KnownOptions } from '../../value/known-options.js';

/**
 * What can go wrong in a simulation.
 *
 * `lose`: one command or answer. `duplicate`: one command arrives twice. `cut`: nothing passes between a process and a shard. `cutOneWay`: commands or
 * answers don't. `away`: nobody reaches a shard. `restartStore`: a shard ends all connections and holds what it held. `emptyStore`: it comes back empty.
 * `evict`: a shard throws one item away. `crash`: a process ends at once, and another is started in its place later. `standStill`: a process does
 * nothing for a while. `stepClock`: the wall clock of a process is set forward or back, by up to an hour.
 */
export type FaultName =
  | 'lose'
  | 'duplicate'
  | 'cut'
  | 'cutOneWay'
  | 'away'
  | 'restartStore'
  | 'emptyStore'
  | 'evict'
  | 'crash'
  | 'standStill'
  | 'stepClock';

/** How often each comes, beside the others. */
export type FaultWeights = Readonly<Partial<Record<FaultName, number>>>;

export const knownFaults = KnownOptions.of<FaultWeights>('faults', {
  lose: true,
  duplicate: true,
  cut: true,
  cutOneWay: true,
  away: true,
  restartStore: true,
  emptyStore: true,
  evict: true,
  crash: true,
  standStill: true,
  stepClock: true,
});

export const allFaults: FaultWeights = {
  lose: 6,
  duplicate: 2,
  cut: 2,
  cutOneWay: 2,
  away: 1,
  restartStore: 1,
  emptyStore: 1,
  evict: 4,
  crash: 1,
  standStill: 2,
  stepClock: 2,
};
