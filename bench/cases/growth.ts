import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { counted, throughput, timed, verify } from '../harness.js';
import type { Benchmark, Comparison, Subject } from '../harness.js';
import { startMemcached } from '../support/servers.js';
import { document, neverLoads, openCache, ours } from '../support/subjects.js';

const processKeys = [1_000, 10_000, 100_000, 1_000_000];
const callers = [1, 16, 256, 4_096];
const tagCounts = [0, 1, 4, 16];
const valueBytes = [100, 1_000, 10_000, 100_000];

/** How the cost of one look-up grows. Each line is compared with the first of its kind. */
export const benchmark: Benchmark = {
  name: 'growth',
  unit: 'ns/look-up',
  work: 'a hit of the process tier by keys held; hits of memcached by callers, tags of an entry and size of a value',
  target: 'no worse than memory (keys), the network (callers), bytes (values) and one more trip (tags) allow',
  meaning:
    'Whether something that is fast in a test is still fast in production. Keys: the table no longer fits into the processor’s caches, as with any Map. Callers: the more ask in a turn, the more share one write and one read. Tags: the generations of all of an entry’s tags come in one more trip, whatever their number. Values: bytes are checked, parsed and frozen.',
  rounds: 5,
  async prepare(smoke) {
    const server = await startMemcached();
    const below = await openCache({ store: memcachedStore({ servers: server.address }), process: false });
    const caches = [below];
    const kinds: Comparison[] = [];
    const compared = (variant: string, subjects: Subject[]): void => {
      kinds.push({ variant, baseline: (subjects[0] as Subject).name, subjects });
    };

    const near: Subject[] = [];
    for (const size of smoke ? processKeys.slice(0, 2) : processKeys) {
      const cache = await openCache({ store: undefined, process: { maxEntries: size, maxBytes: 2 ** 31 } });
      caches.push(cache);
      const keys = Array.from({ length: size }, (_, index) => `content:${index}`);
      for (const key of keys) await cache.set(key, key, { ttl: '1h' });
      // A stride that has no factor in common with the size visits all keys, none of them soon again.
      const stride = 7_919;
      near.push({
        name: `${ours} ${size.toLocaleString('en-US')} keys`,
        round: () => {
          const count = counted(200_000, smoke);
          let found = 0;
          return timed(count, () => {
            for (let index = 0; index < count; index++) {
              if (cache.peek(keys[(index * stride) % size] as string) !== undefined) found++;
            }
            verify(found > count * 0.9, 'keys were lost');
          });
        },
      });
    }
    compared('', near);

    const hot = Array.from({ length: 500 }, (_, index) => `content:${index}`);
    for (const [index, key] of hot.entries()) await below.set(key, document(1_000, index), { ttl: '1h' });
    const hits = (concurrency: number, get: (index: number) => Promise<unknown>, full: number) => async () =>
      1e9 / (await throughput(counted(full, smoke), concurrency, get));
    compared(
      '',
      callers.map((concurrency) => ({
        name: `${ours} ${concurrency.toLocaleString('en-US')} callers`,
        round: hits(
          concurrency,
          (index) => below.getOrSet(hot[index % 500] as string, neverLoads),
          concurrency === 1 ? 3_000 : 40_000,
        ),
      })),
    );

    for (const count of tagCounts) {
      const tags = Array.from({ length: count }, (_, index) => `tag ${index}`);
      for (let index = 0; index < 100; index++)
        await below.set(`t${count}:${index}`, document(1_000), { ttl: '1h', tags });
    }
    compared(
      '',
      tagCounts.map((count) => ({
        name: `${ours} ${count} tags`,
        round: hits(64, (index) => below.getOrSet(`t${count}:${index % 100}`, neverLoads), 10_000),
      })),
    );

    for (const bytes of valueBytes) {
      for (let index = 0; index < 20; index++) await below.set(`v${bytes}:${index}`, document(bytes), { ttl: '1h' });
    }
    compared(
      '',
      valueBytes.map((bytes) => ({
        name: `${ours} ${bytes.toLocaleString('en-US')} bytes`,
        round: hits(
          64,
          (index) => below.getOrSet(`v${bytes}:${index % 20}`, neverLoads),
          bytes > 10_000 ? 2_000 : 20_000,
        ),
      })),
    );
    const close = async (): Promise<void> => {
      for (const cache of caches) await cache.close();
      await server.stop();
    };
    return { comparisons: kinds, close };
  },
};
