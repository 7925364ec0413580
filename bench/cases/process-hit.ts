import { createCache as createDedupeCache } from 'async-cache-dedupe';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { createCache as createManager } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { cachified } from '@epic-web/cachified';
import type { CacheEntry } from '@epic-web/cachified';
import { Loader } from 'layered-loader';
import { LRUCache } from 'lru-cache';
import { counted, timed, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark, Subject } from '../harness.js';
import { document, hotKeys, neverLoads, openCache, ours } from '../support/subjects.js';

const count = 200_000;
const slowCount = 20_000;

export const benchmark: Benchmark = {
  name: 'process-hit',
  unit: 'ns/op',
  title: 'A hit of the process tier',
  work: 'awaited getOrSet on 1,000 hot keys',
  meaning:
    'What nearly all look-ups of a busy service cost: an awaited `getOrSet` that finds its value in the process. At this price a look-up may stand wherever the value is needed, and nothing has to be passed along.',
  aims: [
    { of: '', atMost: 0.88 },
    { of: '', atMost: 1, beside: 'layered-loader' },
  ],
  limit: 'bare Map',
  rounds: 9,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const values = new Map(hotKeys.map((key, index) => [key, document(200, index)]));
    const lru = new LRUCache<string, object>({ max: 10_000 });
    const cache = await openCache();
    const layered = new Loader<object>({
      inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: 3_600_000, maxItems: 10_000 },
      dataSources: [{ get: async (key: string) => values.get(key), getMany: async () => [], name: 'values' }],
    });
    const manager = createManager({ ttl: 3_600_000 });
    const dedupe = createDedupeCache({ ttl: 3_600, storage: { type: 'memory', options: { size: 10_000 } } }).define(
      'document',
      async (key: string) => values.get(key),
    );
    const cachifiedStore = new LRUCache<string, CacheEntry>({ max: 10_000 });
    const cacheable = new Cacheable({ ttl: 3_600_000 });
    const bento = new BentoCache({
      default: 'memory',
      stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 })) },
    });
    for (const [key, value] of values) {
      lru.set(key, value);
      await cache.set(key, value, { ttl: '1h' });
      await layered.get(key);
    }

    const loop = (name: string, get: (key: string) => unknown, full = count): Subject => ({
      name,
      round: async () => {
        verify((((await get('content:7')) as { id?: number }) ?? {}).id === 7, name);
        const times = counted(full, smoke);
        return timed(times, async () => {
          for (let index = 0; index < times; index++) await get(hotKeys[index % 1_000] as string);
        });
      },
    });
    const loadOf = (key: string) => async (): Promise<object> => values.get(key) as object;
    const subjects = [
      loop('lru-cache', (key) => lru.get(key)),
      loop(ours, (key) => cache.getOrSet(key, neverLoads)),
      loop('bare Map', (key) => values.get(key)),
      loop('layered-loader', (key) => layered.get(key)),
      loop('async-cache-dedupe', (key) => dedupe.document(key), slowCount),
      loop('cache-manager', (key) => manager.wrap(key, loadOf(key)), slowCount),
      loop(
        'cachified',
        (key) => cachified({ key, cache: cachifiedStore, ttl: 3_600_000, getFreshValue: loadOf(key) }),
        slowCount,
      ),
      loop('cacheable', (key) => cacheable.getOrSet(key, loadOf(key)), slowCount),
      loop('bentocache', (key) => bento.getOrSet({ key, ttl: '1h', factory: loadOf(key) }), slowCount),
    ];
    for (const { round } of subjects) await round();
    return { comparisons: [{ variant: '', baseline: 'lru-cache', subjects }], close: () => cache.close() };
  },
};
