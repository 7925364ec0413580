import { counted } from '../harness.js';
import type { Benchmark, Picture } from '../harness.js';
import { curve } from '../support/eviction/cells.js';
import { baseline, contenders, limit } from '../support/eviction/contenders.js';
import { syntheticLoads } from '../support/eviction/synthetic-loads.js';

const fullLength = 200_000;
const capacities = [50, 100, 200, 500, 1_000, 2_000, 5_000];

/** Of the loads that are drawn: what a reader sees in their pictures. */
const drawn: Readonly<Record<string, { readonly title: string; readonly meaning: string }>> = {
  'zipf 0.9': {
    title: 'Popular and rare keys',
    meaning: 'Popular keys stay in every cache. How much room the rare ones take from them makes the difference.',
  },
  scans: {
    title: 'Popular keys and scans',
    meaning: 'A scan asks for each key once. LRU lets it push out what is popular.',
  },
  loop: {
    title: 'A loop of 1,500 keys',
    meaning:
      'A loop that is longer than the cache never hits with LRU, which drops each key just before its turn. Holding a part of the loop hits by that part.',
  },
  drift: {
    title: 'Popularity that drifts',
    meaning: 'Where what is wanted changes all the time, recency counts, and LRU is not far behind.',
  },
};

const pictureOf = (load: string): string => `hits-${load.replaceAll(/[ .]/g, '-')}`;

/** The same loads in each run: a curve is compared with that of another day. */
export const benchmark: Benchmark = {
  name: 'eviction-curves',
  unit: 'misses of 100',
  title: 'Hit ratio by capacity',
  work: 'look-ups of which only some keys are held, each missed key kept, by what is asked for and how many entries are held',
  meaning: 'How many entries are worth holding, and what a better choice gains at each capacity.',
  aims: [],
  limit,
  rounds: 1,
  pictures: Object.entries(drawn).map(([load, { title, meaning }]): Picture => ({
    name: pictureOf(load),
    title: `${title}: hits of 100 look-ups`,
    across: 'entries held',
    up: 'hits of 100 look-ups',
    isLinear: true,
    show: (misses) => 100 - misses,
    meaning,
  })),
  async prepare(smoke) {
    const loads = syntheticLoads.filter(({ name }) => name in drawn);
    const comparisons = loads.flatMap((load) =>
      curve(load, capacities, 1, counted(fullLength, smoke)).map((cell) => ({
        variant: cell.name,
        baseline,
        picture: pictureOf(load.name),
        subjects: Object.keys(contenders).map((name) => ({
          name,
          round: () => 100 - cell.hitsPercent(name),
          point: { line: name, at: cell.capacity },
        })),
      })),
    );
    return { comparisons };
  },
};
