import { LRUCache } from 'lru-cache';
import { verify } from '../harness.js';
import type { Benchmark, Subject } from '../harness.js';
import { openCache, ours } from '../support/subjects.js';

const fullEntries = 100_000;

export const benchmark: Benchmark = {
  name: 'memory',
  unit: 'bytes/entry',
  title: 'An entry in the process',
  work: '100,000 entries of 200 bytes in the process tier',
  meaning:
    'How many entries fit into a process. Beside its value an entry keeps how long it may be served, since when it is true, and its place in the eviction policy.',
  aims: [{ of: '', atMost: 1.3 }],
  limit: 'bare Map',
  remark:
    'The limit keeps neither life nor place, and evicts nothing. `lru-cache` with `maxSize` and `ttl` is bounded by bytes and knows lives, as this library always does.',
  rounds: 5,
  async prepare(smoke) {
    const entries = smoke ? fullEntries / 10 : fullEntries;
    verify(globalThis.gc !== undefined, 'run with --expose-gc');
    const value = (index: number): string => `${index}`.padEnd(200, 'x').split('').reverse().join('');
    const settledHeap = (): number => {
      globalThis.gc?.();
      globalThis.gc?.();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const subjects: Subject[] = [
      {
        name: 'lru-cache',
        round: () => {
          const before = settledHeap();
          const lru = new LRUCache<string, string>({ max: entries });
          for (let index = 0; index < entries; index++) lru.set(`content:${index}`, value(index));
          const after = settledHeap();
          verify(lru.size === entries, 'entries were lost');
          return (after - before) / entries;
        },
      },
      {
        name: ours,
        round: async () => {
          const before = settledHeap();
          const cache = await openCache({ store: undefined, process: { maxEntries: entries, maxBytes: 2 ** 30 } });
          for (let index = 0; index < entries; index++)
            await cache.set(`content:${index}`, value(index), { ttl: '1h' });
          const after = settledHeap();
          verify(cache.peek(`content:${entries - 1}`) !== undefined, 'entries were lost');
          await cache.close();
          return (after - before) / entries;
        },
      },
    ];
    subjects.push({
      name: 'lru-cache with maxSize and ttl',
      round: () => {
        const before = settledHeap();
        const bounds = { max: entries, maxSize: 2 ** 30, sizeCalculation: (text: string) => text.length };
        const lru = new LRUCache<string, string>({ ...bounds, ttl: 3_600_000 });
        for (let index = 0; index < entries; index++) lru.set(`content:${index}`, value(index));
        const after = settledHeap();
        verify(lru.size === entries, 'entries were lost');
        return (after - before) / entries;
      },
    });
    subjects.push({
      name: 'bare Map',
      round: () => {
        const before = settledHeap();
        const map = new Map<string, string>();
        for (let index = 0; index < entries; index++) map.set(`content:${index}`, value(index));
        const after = settledHeap();
        verify(map.size === entries, 'entries were lost');
        return (after - before) / entries;
      },
    });
    return { comparisons: [{ variant: '', baseline: 'lru-cache', subjects }] };
  },
};
