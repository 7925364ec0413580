import { LRUCache } from 'lru-cache';
import { seededRandom } from '../../test/support/seeded-random.js';
import { createBoundedMap } from '../../src/near/eviction/create-bounded-map.js';
import { counted, timed, verify } from '../harness.js';
import type { Benchmark, Subject } from '../harness.js';
import { Belady } from '../support/eviction/belady.js';
import { baseline, limit, ours } from '../support/eviction/contenders.js';
import { zipf } from '../support/eviction/synthetic-loads.js';

const keyCount = 100_000;
const held = 10_000;
const lookUps = 40_000;
const warmUp = 400_000;
const loadNs = 100_000n;
const rounds = 5;

/** A load that keeps the processor busy, so that the figure does not depend on timers. */
function load(id: number): { id: number; slot: number } {
  const endsAt = process.hrtime.bigint() + loadNs;
  while (process.hrtime.bigint() < endsAt);
  return { id, slot: 0 };
}

export const benchmark: Benchmark = {
  name: 'eviction-time',
  unit: 'ns/op',
  title: 'What a better choice is worth',
  work: 'look-ups of 100,000 keys by popularity (Zipf 0.9), of which 10,000 are held; a miss loads for 100 µs',
  meaning:
    'A hit ratio in time: choosing takes longer than LRU does, and a load that is spared pays for hundreds of choices.',
  aims: [{ of: '', atMost: 0.85 }],
  limit,
  remark: 'The limit is the time of the loads that cannot be avoided.',
  rounds,
  async prepare(smoke) {
    const names = Array.from({ length: keyCount }, (_, id) => `content:${id}`);
    const lru = new LRUCache<string, { id: number; slot: number }>({ max: held });
    const map = createBoundedMap<{ id: number; slot: number }>('adaptive', {
      maxEntries: held,
      maxBytes: Number.MAX_SAFE_INTEGER,
      random: seededRandom(1),
    });
    const subject = (
      name: string,
      cache: Pick<typeof map, 'get'>,
      keep: (key: string, value: { id: number; slot: number }) => unknown,
    ): Subject => {
      const next = zipf(keyCount, 0.9, seededRandom(2));
      const times = counted(lookUps, smoke);
      for (let count = 0; count < counted(warmUp, smoke); count++) {
        const id = next();
        if (!cache.get(names[id] as string)) keep(names[id] as string, { id, slot: 0 });
      }
      return {
        name,
        round: () => {
          const ids = Int32Array.from({ length: times }, next);
          return timed(times, () => {
            for (const id of ids) {
              const key = names[id] as string;
              let value = cache.get(key);
              if (!value) keep(key, (value = load(id)));
              verify(value.id === id, name);
            }
          });
        },
      };
    };
    const subjects = [
      subject(baseline, lru, (key, value) => lru.set(key, value)),
      subject(ours, map, (key, value) => map.set(key, value, 1)),
    ];
    // All look-ups that there will be: one round to warm up, and those that are measured.
    const [times, before] = [counted(lookUps, smoke), counted(warmUp, smoke)];
    const all = Int32Array.from({ length: before + (rounds + 1) * times }, zipf(keyCount, 0.9, seededRandom(2)));
    const belady = new Belady(all, held);
    for (const id of all.subarray(0, before)) belady.hits(id);
    let at = before;
    subjects.push({
      name: limit,
      round: () => {
        const ids = all.subarray(at, (at += times));
        return timed(times, () => {
          for (const id of ids) if (!belady.hits(id)) load(id);
        });
      },
    });
    return { comparisons: [{ variant: '', baseline, subjects }] };
  },
};
