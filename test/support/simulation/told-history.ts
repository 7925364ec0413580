import { simulate } from '../../../src/testing/simulation.js';
import type { History } from '../../../src/testing/simulation.js';
import { rowSimulation } from './row-simulation.js';

/** Everything that happens in the story of this seed, as one text. */
export async function toldHistory(seed: number): Promise<string> {
  let told = '';
  const look = {
    name: 'is looked at',
    violations: (history: History) => {
      told = JSON.stringify(history);
      return [];
    },
  };
  await simulate({ ...rowSimulation, turns: 100, seeds: [seed], holds: [...rowSimulation.holds, look] });
  return told;
}
