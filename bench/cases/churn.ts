import { Loader } from 'layered-loader';
import { LRUCache } from 'lru-cache';
import { counted, timed, verify } from '../harness.js';
import type { Benchmark, Subject } from '../harness.js';
import { document, openCache, ours } from '../support/subjects.js';

const held = 10_000;
const fullCount = 100_000;

export const benchmark: Benchmark = {
  name: 'churn',
  unit: 'ns/op',
  title: 'Keys that come and go',
  work: 'a full process tier of 10,000 entries: new keys that are set, and new keys that are loaded at once and asked for a second time',
  meaning:
    'What is paid for each entry that is made, besides its load: a life, a place in the policy, the eviction of another, and one load for all who ask at the same time.',
  aims: [{ of: 'loaded and hit', atMost: 1 }],
  limit: 'bare Map',
  remark:
    '`lru-cache` and the bare Map only keep: no load is shared, nothing is frozen, and nothing ever ends. layered-loader, which shares loads, is the baseline where keys are loaded.',
  rounds: 7,
  async prepare(smoke) {
    const count = counted(fullCount, smoke);
    const value = document(200);
    const lru = new LRUCache<string, object>({ max: held });
    const map = new Map<string, object>();
    const cache = await openCache({ store: undefined, process: { maxEntries: held, maxBytes: 2 ** 30 } });
    const layered = new Loader<object>({
      inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: 3_600_000, maxItems: held },
      dataSources: [{ get: async () => value, getMany: async () => [], name: 'values' }],
    });
    const ring = new Array<string>(held).fill('');
    let kept = 0;
    const keep = (key: string): object => {
      const place = kept++ % held;
      map.delete(ring[place] as string);
      ring[place] = key;
      map.set(key, value);
      return value;
    };
    let next = 0;
    const sets = (name: string, set: (key: string) => unknown): Subject => ({
      name,
      round: () =>
        timed(count, async () => {
          for (let index = 0; index < count; index++) await set(`content:${next++}`);
        }),
    });
    const loads = (name: string, get: (key: string) => unknown): Subject => ({
      name,
      round: () =>
        timed(2 * count, async () => {
          for (let index = 0; index < count; index++) {
            const key = `content:${next++}`;
            await get(key);
            verify((await get(key)) !== undefined, name);
          }
        }),
    });
    const load = async (): Promise<object> => value;
    return {
      comparisons: [
        {
          variant: 'set',
          baseline: 'lru-cache',
          subjects: [
            sets('lru-cache', (key) => lru.set(key, value)),
            sets(ours, (key) => cache.set(key, value, { ttl: '1h' })),
            sets('bare Map', keep),
          ],
        },
        {
          variant: 'loaded and hit',
          baseline: 'layered-loader',
          subjects: [
            loads('layered-loader', (key) => layered.get(key)),
            loads(ours, (key) => cache.getOrSet(key, load, { ttl: '1h' })),
            loads('lru-cache', async (key) => lru.get(key) ?? (lru.set(key, await load()), value)),
            loads('bare Map', (key) => map.get(key) ?? keep(key)),
          ],
        },
      ],
      close: () => cache.close(),
    };
  },
};
