import { cellsOfEnvironment } from '../support/eviction/cells.js';
import { baseline, contenders } from '../support/eviction/contenders.js';
import { counted } from '../harness.js';
import type { Benchmark } from '../harness.js';

const fullLength = 400_000;

/** Misses and not hits: each one is a load, and a loop leaves LRU no hit to compare with. */
export const benchmark: Benchmark = {
  name: 'eviction',
  unit: 'misses of 100',
  title: 'Which entries stay',
  work: 'look-ups of which only some keys are held, each missed key kept, by what is asked for and how many entries are held',
  meaning:
    'A miss is a load, so what counts is how few there are. `lru-cache` keeps what was used last. The adaptive policy learns from what it is asked: it resists scans and loops, and falls back on recency where that is what counts.',
  aims: [],
  limit: 'Belady',
  remark:
    'Loads that are made anew for each run, or the traces of the folder that `EVICTION_TRACES` names. `bench/eviction-table.ts` prints hits. The limit knows the future (Belady, 1966).',
  rounds: 1,
  async prepare(smoke) {
    const { cells } = cellsOfEnvironment(counted(fullLength, smoke), smoke ? counted(fullLength, smoke) : Infinity);
    const comparisons = cells.map((cell) => ({
      variant: cell.name,
      baseline,
      subjects: Object.keys(contenders).map((name) => ({ name, round: () => 100 - cell.hitsPercent(name) })),
    }));
    return { comparisons };
  },
};
