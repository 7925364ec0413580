import { seededRandom } from '../../../test/support/seeded-random.js';
import { contenders, hitsPercent } from './contenders.js';
import { syntheticLoads } from './synthetic-loads.js';
import type { Load } from './synthetic-loads.js';
import { traceLoads } from './trace-loads.js';

export interface Cell {
  /** The load and the number of entries held: `zipf 0.9@200`. */
  readonly name: string;
  readonly capacity: number;
  hitsPercent(contender: string): number;
}

/** Loads that are asked for as often at each of many capacities, for a curve. */
export function curve(load: Load, capacities: readonly number[], seed: number, length: number): Cell[] {
  return cellsOf({ ...load, capacities }, seed, () => load.keys(seededRandom(seed), length));
}

export interface CellOptions {
  /** Of the synthetic loads and of the hash of keys. */
  readonly seed: number;
  /** A folder of traces; synthetic loads otherwise. */
  readonly traces: string | undefined;
  /** Look-ups of a synthetic load. */
  readonly length: number;
  /** Look-ups of a trace that are read at most. Default all. */
  readonly traceLength?: number;
}

/** Each load at each of its capacities. */
export function cells({ seed, traces, length, traceLength = Infinity }: CellOptions): Cell[] {
  const loads = traces === undefined ? syntheticLoads : traceLoads(traces);
  return loads.flatMap((load, place) =>
    cellsOf(load, seed, () => load.keys(seededRandom(seed + place), traces === undefined ? length : traceLength)),
  );
}

function cellsOf(load: Load, seed: number, makeKeys: () => Int32Array): Cell[] {
  let keys: Int32Array | undefined;
  return load.capacities.map((capacity) => ({
    name: `${load.name}@${capacity}`,
    capacity,
    hitsPercent(contender) {
      const make = contenders[contender];
      if (!make) throw new Error(`no contender is called ${contender}`);
      keys ??= makeKeys();
      return hitsPercent(keys, make(capacity, seededRandom(seed), keys));
    },
  }));
}

/** As the environment wants them: `EVICTION_TRACES` is a folder of traces, `EVICTION_SEED` a seed; otherwise each run has a fresh one. */
export function cellsOfEnvironment(length: number, traceLength = Infinity): { seed: number; cells: Cell[] } {
  const seed = Number(process.env['EVICTION_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  return { seed, cells: cells({ seed, traces: process.env['EVICTION_TRACES'], length, traceLength }) };
}
