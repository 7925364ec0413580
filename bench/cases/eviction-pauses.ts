import { seededRandom } from '../../test/support/seeded-random.js';
import { createBoundedMap } from '../../src/near/eviction/create-bounded-map.js';
import type { BoundedMap, Evictable } from '../../src/near/eviction/bounded-map.js';
import type { Eviction } from '../../src/near/eviction/create-bounded-map.js';
import { counted, verify } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { baseline, ours } from '../support/eviction/contenders.js';

const fullEntries = 100_000;
const entryBytes = 100;

type Pause = (map: BoundedMap<Evictable>, entries: number) => number;

/** By name, what is done to a full map, and how long the longest single operation took, in ms. */
const pauses: Record<string, Pause> = {
  growth: (map, entries) => {
    map.clear();
    return longest(entries, (index) => map.set(`content:${index}`, { slot: 0 }, entryBytes));
  },
  'set that evicts': (map, entries) => longest(entries, (index) => map.set(`other:${index}`, { slot: 0 }, entryBytes)),
  delete: (map) => {
    const keys = [...map.entries()].map(([key]) => key);
    return longest(keys.length, (index) => map.delete(keys[index] as string));
  },
  'set of half of all bytes': (map) => longest(1, () => map.set('large', { slot: 0 }, map.maxBytes / 2)),
  clear: (map) => longest(1, () => map.clear()),
};

export const benchmark: Benchmark = {
  name: 'eviction-pauses',
  unit: 'ms',
  title: 'The longest pause of the process tier',
  work: 'the longest single operation on 100,000 entries, garbage collection included',
  meaning:
    'Whether one operation may hold the event loop. No operation takes longer than `lru-cache`’s, but for noise.',
  aims: [],
  remark:
    'A value for which more than 1,000 entries would have to go is refused, and 1,000 of them go: `set of half of all bytes`. The growth of V8’s Map, which moves all its entries when it doubles, is the longest pause of both.',
  rounds: 5,
  async prepare(smoke) {
    const entries = counted(fullEntries, smoke);
    const comparisons = Object.entries(pauses).map(([variant, pause]) => ({
      variant,
      baseline,
      subjects: [
        { name: baseline, round: () => calmest(() => pause(full('lru', entries), entries)) },
        { name: ours, round: () => calmest(() => pause(full('adaptive', entries), entries)) },
      ],
    }));
    return { comparisons };
  },
};

function open(eviction: Eviction, entries: number): BoundedMap<Evictable> {
  return createBoundedMap(eviction, { maxEntries: entries, maxBytes: entries * entryBytes, random: seededRandom(1) });
}

function full(eviction: Eviction, entries: number): BoundedMap<Evictable> {
  const map = open(eviction, entries);
  for (let index = 0; index < entries; index++) map.set(`content:${index}`, { slot: 0 }, entryBytes);
  verify(map.size === entries, 'entries were lost');
  return map;
}

/** Of a few tries: another process that is given the processor in the middle of one says nothing of the map. */
function calmest(attempt: () => number): number {
  return Math.min(attempt(), attempt(), attempt());
}

function longest(times: number, operation: (index: number) => unknown): number {
  let longestNs = 0n;
  for (let index = 0; index < times; index++) {
    const startedAt = process.hrtime.bigint();
    operation(index);
    const took = process.hrtime.bigint() - startedAt;
    if (took > longestNs) longestNs = took;
  }
  return Number(longestNs) / 1e6;
}
