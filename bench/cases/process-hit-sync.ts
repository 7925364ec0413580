import { setTimeout as delay } from 'node:timers/promises';
import { Loader } from 'layered-loader';
import { LRUCache } from 'lru-cache';
import { counted, timed, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark, Subject } from '../harness.js';
import { document, hotKeys, openCache, ours } from '../support/subjects.js';

const fullCount = 500_000;

export const benchmark: Benchmark = {
  name: 'process-hit-sync',
  unit: 'ns/op',
  title: 'A hit without await',
  work: 'peek on 1,000 hot keys',
  meaning: 'The same by `peek`, for code that can’t wait: a getter, a comparison in a sort.',
  aims: [{ of: '', atMost: 1.5 }],
  limit: 'bare Map',
  rounds: 9,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const count = counted(fullCount, smoke);
    const lru = new LRUCache<string, { id: number }>({ max: 10_000 });
    const cache = await openCache({ coherence: { interval: '1s' } });
    const values = new Map(hotKeys.map((key, index) => [key, document(200, index)]));
    const layered = new Loader<{ id: number }>({
      inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: 3_600_000, maxItems: 10_000 },
      dataSources: [{ get: async (key: string) => values.get(key), getMany: async () => [], name: 'values' }],
    });
    for (const [key, value] of values) {
      lru.set(key, value);
      await cache.set(key, value, { ttl: '1h' });
      await layered.get(key);
    }
    const loop = (name: string, get: (key: string) => { id: number } | null | undefined): Subject => ({
      name,
      round: async () => {
        await delay(20); // a turn of the loop: a process that never has one does not know what to believe
        verify(get('content:7')?.id === 7, name);
        let sum = 0;
        return timed(count, () => {
          for (let index = 0; index < count; index++) sum += get(hotKeys[index % 1_000] as string)?.id ?? 0;
          verify(sum > 0, 'the sum');
        });
      },
    });
    const subjects = [
      loop('lru-cache', (key) => lru.get(key)),
      loop(ours, (key) => cache.peek<{ id: number }>(key)),
      loop('bare Map', (key) => values.get(key)),
      loop('layered-loader getInMemoryOnly', (key) => layered.getInMemoryOnly(key)),
    ];
    return { comparisons: [{ variant: '', baseline: 'lru-cache', subjects }], close: () => cache.close() };
  },
};
