import { MemcacheClient } from 'memcache-client';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import type { TieredCache } from 'nestjs-tiered-cache';
import { counted, throughput, timed, verify } from '../harness.js';
import type { Benchmark, Comparison, Subject } from '../harness.js';
import { BareSocket } from '../support/bare-socket.js';
import { startMemcached } from '../support/servers.js';
import { document, neverLoads, openCache, ours, patient } from '../support/subjects.js';

const processKeys = [1_000, 10_000, 100_000, 1_000_000];
const callers = [1, 4, 16, 64, 256, 1_024, 4_096];
const tagCounts = [0, 1, 4, 16];
const valueBytes = [100, 1_000, 10_000, 100_000, 1_000_000];

/** How the cost of one look-up grows. Each line is compared with the first of its kind. */
export const benchmark: Benchmark = {
  name: 'growth',
  unit: 'ns/look-up',
  title: 'By keys, callers, tags and bytes',
  work: 'a hit of the process tier by keys held; hits of memcached by callers, tags of an entry and size of a value',
  meaning: 'Whether something that is fast in a test is still fast in production.',
  aims: [],
  remark: 'The first row of each kind is 1. The bare Map and the bare socket are the limits.',
  pictures: [
    {
      name: 'cost-by-keys',
      title: 'A hit of the process tier by keys held',
      across: 'keys held',
      up: 'ns a look-up',
      meaning:
        'A table that no longer fits into the processor’s caches is slower, as any Map is. There is nothing else that grows: a hit moves no list.',
    },
    {
      name: 'cost-by-callers',
      title: 'A hit of memcached by callers',
      across: 'callers at a time',
      up: 'ns a look-up',
      meaning:
        'The more ask in one turn of the event loop, the more share one write and one read. From some hundreds on, what is left is processor time.',
    },
    {
      name: 'cost-by-tags',
      title: 'A hit of memcached by tags of the entry, 64 callers',
      across: 'tags, and one',
      up: 'ns a look-up',
      meaning:
        'The generations of all of an entry’s tags come in one more trip, whatever their number; then each tag is looked up.',
    },
    {
      name: 'cost-by-bytes',
      title: 'A hit of memcached by size of the value, 64 callers',
      across: 'bytes of JSON',
      up: 'ns a look-up',
      meaning: 'Bytes are received, checked, parsed and frozen. Below 1 KB the entry counts, above it the bytes.',
    },
  ],
  rounds: 5,
  async prepare(smoke) {
    const server = await startMemcached();
    const below = await openCache({ store: memcachedStore({ servers: server.address, ...patient }), process: false });
    const client = new MemcacheClient({ server: server.address });
    const bare = await BareSocket.open(server.port, 'memcached');
    const caches = [below];
    const store = async (key: string, bytes: number, tags: readonly string[] = []): Promise<void> => {
      verify(await below.set(key, document(bytes), { ttl: '1h', tags }), 'a set was not acknowledged');
      await bare.set(`plain:${key}`, JSON.stringify(document(bytes)));
    };
    const hits = (concurrency: number, get: (index: number) => Promise<unknown>, full: number) => async () =>
      1e9 / (await throughput(counted(full, smoke), concurrency, get));

    const byKeys = await hitsByKeys(smoke, caches);

    const hot = Array.from({ length: 500 }, (_, index) => `content:${index}`);
    for (const key of hot) await store(key, 1_000);
    const ways: [string, (key: string) => Promise<unknown>][] = [
      [ours, (key) => below.getOrSet(key, neverLoads)],
      [
        'memcache-client',
        async (key) => JSON.parse((await client.get<string>(`plain:${key}`))?.value ?? 'null') as unknown,
      ],
      ['bare socket', (key) => bare.get(`plain:${key}`)],
    ];
    const byCallers = ways.flatMap(([name, get]) =>
      callers.map((concurrency) => ({
        name: `${name} ${concurrency.toLocaleString('en-US')} callers`,
        point: { line: name, at: concurrency },
        round: hits(concurrency, (index) => get(hot[index % 500] as string), concurrency === 1 ? 3_000 : 20_000),
      })),
    );

    for (const count of tagCounts) {
      const tags = Array.from({ length: count }, (_, index) => `tag ${index}`);
      for (let index = 0; index < 100; index++) await store(`t${count}:${index}`, 1_000, tags);
    }
    const byTags = tagCounts.map((count) => ({
      name: `${ours} ${count} tags`,
      point: { line: ours, at: count + 1 },
      round: hits(64, (index) => below.getOrSet(`t${count}:${index % 100}`, neverLoads), 10_000),
    }));

    for (const bytes of valueBytes) for (let index = 0; index < 20; index++) await store(`v${bytes}:${index}`, bytes);
    const [own, , limit] = ways as [(typeof ways)[0], unknown, (typeof ways)[0]];
    const byBytes = [own, limit].flatMap(([name, get]) =>
      valueBytes.map((bytes) => ({
        name: `${name} ${bytes.toLocaleString('en-US')} bytes`,
        point: { line: name, at: bytes },
        round: hits(64, (index) => get(`v${bytes}:${index % 20}`), Math.min(20_000, 2e7 / bytes)),
      })),
    );
    const comparisons = Object.entries({ keys: byKeys, callers: byCallers, tags: byTags, bytes: byBytes }).map(
      ([kind, subjects]): Comparison => ({
        variant: '',
        baseline: subjects[0]?.name ?? '',
        subjects,
        picture: `cost-by-${kind}`,
      }),
    );
    const close = async (): Promise<void> => {
      client.shutdown();
      bare.close();
      for (const cache of caches) await cache.close();
      await server.stop();
    };
    return { comparisons, close };
  },
};

async function hitsByKeys(smoke: boolean, caches: TieredCache[]): Promise<Subject[]> {
  const own: Subject[] = [];
  const limit: Subject[] = [];
  for (const size of smoke ? processKeys.slice(0, 2) : processKeys) {
    const cache = await openCache({ store: undefined, process: { maxEntries: size, maxBytes: 2 ** 31 } });
    caches.push(cache);
    const keys = Array.from({ length: size }, (_, index) => `content:${index}`);
    const map = new Map(keys.map((key) => [key, key]));
    for (const key of keys) await cache.set(key, key, { ttl: '12h' });
    // A stride that has no factor in common with the size visits all keys, none of them soon again.
    const stride = 7_919;
    const loop = (name: string, get: (key: string) => unknown): Subject => ({
      name: `${name} ${size.toLocaleString('en-US')} keys`,
      point: { line: name, at: size },
      round: () => {
        const count = counted(200_000, smoke);
        let found = 0;
        return timed(count, () => {
          for (let index = 0; index < count; index++) {
            if (get(keys[(index * stride) % size] as string) !== undefined) found++;
          }
          verify(found > count * 0.9, 'keys were lost');
        });
      },
    });
    own.push(loop(ours, (key) => cache.peek(key)));
    limit.push(loop('bare Map', (key) => map.get(key)));
  }
  return [...own, ...limit];
}
