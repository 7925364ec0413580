import type { FaultName, FaultWeights } from './fault-names.js';
import { seededRandom } from './seeded-random.js';
import type { SeededRandom } from './seeded-random.js';

/** What one turn of a story lets happen. Each draws by a salt of its own, so that the others stay as they are where one is taken away. */
export type Turn =
  | { readonly act: 'deliver'; readonly salt: number }
  /** One process goes on alone, while the others wait for what they wait for. */
  | { readonly act: 'run'; readonly process: number; readonly steps: number }
  | { readonly act: 'deliver all' }
  | { readonly act: 'call'; readonly process: number; readonly operation: string; readonly salt: number }
  /** `works`: what is sent meanwhile arrives and is answered; what loaders wait for does not come. */
  | { readonly act: 'wait'; readonly ms: number; readonly network: 'works' | 'stands still' }
  | { readonly act: 'fault'; readonly fault: FaultName; readonly salt: number }
  | { readonly act: 'mend' };

/** A story before it is told. */
export interface Plan {
  readonly seed: number;
  readonly invalidations: 'whole' | 'in parts';
  /** How far the wall clock of each process is off. */
  readonly skewsMs: readonly number[];
  /** How many operations may be under way at once. Where many are, the next mends what the last has broken. */
  readonly callsAtOnce: number;
  readonly turns: readonly Turn[];
}

/** What plans are drawn from. */
export interface PlanOptions {
  readonly turns: number;
  readonly processes: number;
  /** Names of operations, with their weights. */
  readonly operations: Readonly<Record<string, number>>;
  readonly faults: FaultWeights | false;
}

/**
 * The story of a seed. A third of them have no faults. Each leaves some operations and faults out and lets others come often, and some are short: what
 * comes rarely meets more often where less goes on. (Groce and others, "Swarm Testing", 2012.)
 */
export function planOf(seed: number, { turns, processes, operations, faults }: PlanOptions): Plan {
  const random = seededRandom(seed);
  const salt = (): number => random.integer(0, 2 ** 31);
  const weights = faults === false || random() < 0.33 ? {} : swarm(faults, random);
  const cast = swarm(operations, random);
  const callsAtOnce = random.pick([2, 3, 8]);
  const length = Math.ceil(turns / random.pick([1, 2, 3]));
  const hasFaults = Object.values(weights).some((weight) => weight > 0);
  const invalidations = random() < 0.5 ? 'whole' : 'in parts';
  const isSkewed = hasFaults && (weights['stepClock'] ?? 0) > 0 && random() < 0.5;
  const skewsMs = Array.from({ length: processes }, () => (isSkewed ? random.integer(-30_000, 30_000) : 0));
  const turn = (): Turn => {
    const draw = random();
    if (draw < 0.4) return { act: 'deliver', salt: salt() };
    if (draw < 0.6) return { act: 'run', process: random.integer(0, processes - 1), steps: random.pick([2, 4, 8]) };
    if (draw < 0.65) return { act: 'deliver all' };
    if (draw < 0.8) {
      const operation = weighted(cast, random);
      return { act: 'call', process: random.integer(0, processes - 1), operation, salt: salt() };
    }
    if (draw < 0.88) return { act: 'wait', ms: random.pick([1, 5, 30, 100]), network: 'stands still' };
    if (draw < 0.93) return { act: 'wait', ms: random.pick([100, 400, 1_000, 1_500]), network: 'works' };
    if (draw < 0.94) return { act: 'wait', ms: random.pick([2_000, 4_000, 12_000]), network: 'works' };
    if (!hasFaults) return { act: 'deliver', salt: salt() };
    if (draw < 0.96) return { act: 'mend' };
    return { act: 'fault', fault: weighted(weights, random) as FaultName, salt: salt() };
  };
  return { seed, invalidations, skewsMs, callsAtOnce, turns: Array.from({ length }, turn) };
}

/** Some of them, some more often. */
function swarm(weights: Readonly<Record<string, number>>, random: SeededRandom): Readonly<Record<string, number>> {
  const entries = Object.entries(weights);
  const factors = entries.length > 3 ? [0, 1, 1, 4] : [1, 1, 1, 4];
  const drawn = entries.map(([name, weight]) => [name, weight * random.pick(factors)] as const);
  return drawn.some(([, weight]) => weight > 0) ? Object.fromEntries(drawn) : weights;
}

/** @throws RangeError where no weight is more than 0. */
export function weighted(weights: Readonly<Record<string, number>>, random: SeededRandom): string {
  const entries = Object.entries(weights).filter(([, weight]) => weight > 0);
  let left = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
  const last = entries.at(-1);
  if (!last) throw new RangeError('Nothing has a weight.');
  return last[0];
}
