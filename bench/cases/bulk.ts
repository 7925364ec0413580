import { MemcacheClient } from 'memcache-client';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { counted, throughput, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { BareSocket } from '../support/bare-socket.js';
import { startMemcached } from '../support/servers.js';
import { document, openCache, ours, patient } from '../support/subjects.js';

const size = 100;
const count = 300;

type Document = ReturnType<typeof document>;

export const benchmark: Benchmark = {
  name: 'bulk',
  unit: 'op/s',
  title: 'A hundred keys at once',
  work: '100 keys, half of them present: one multi-get, one load, 50 sets',
  meaning: 'A page that needs a hundred things, half of which must be loaded.',
  aims: [{ of: '', atLeast: 0.85, onNode24: 0.9 }],
  limit: 'bare socket',
  remark:
    'This library reads under leases, writes by compare-and-set, and decodes what it stores for its callers. By hand, nothing protects from a late fill: a load that began before an invalidation and is stored after it.',
  rounds: 9,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const server = await startMemcached();
    const cache = await openCache({ store: memcachedStore({ servers: server.address, ...patient }), process: false });
    const client = new MemcacheClient({ server: server.address });
    let batch = 0;
    const present = Array.from({ length: size / 2 }, (_, index) => `present:${index}`);
    for (const [index, key] of present.entries()) {
      await cache.set(key, document(300, index), { ttl: '1h' });
      await client.set(`plain:${key}`, JSON.stringify(document(300, index)), { lifetime: 3_600 });
    }
    const nextKeys = (): string[] => {
      batch++;
      return [...present, ...Array.from({ length: size / 2 }, (_, index) => `absent:${batch}:${index}`)];
    };
    const load = (keys: readonly string[]): Map<string, Document> =>
      new Map(keys.map((key, index) => [key, document(300, index)]));

    const byHand = async (): Promise<(Document | undefined)[]> => {
      const keys = nextKeys();
      const found = (await client.get<string>(keys.map((key) => `plain:${key}`))) as unknown as Record<
        string,
        { value: string } | undefined
      >;
      const values = new Map<string, Document>();
      const missing: string[] = [];
      for (const key of keys) {
        const text = found[`plain:${key}`]?.value;
        if (text === undefined) missing.push(key);
        else values.set(key, JSON.parse(text) as Document);
      }
      const loaded = load(missing);
      await Promise.all([...loaded].map(([key, value]) => client.set(`plain:${key}`, JSON.stringify(value))));
      return keys.map((key) => values.get(key) ?? loaded.get(key));
    };
    const byCache = (): Promise<(Document | undefined)[]> =>
      cache.getOrSetMany<Document, string>(nextKeys(), load, { ttl: '1h' });
    const bare = await BareSocket.open(server.port, 'memcached');
    const byBareSocket = async (): Promise<(Document | undefined)[]> => {
      const keys = nextKeys();
      const values = (await Promise.all(keys.map((key) => bare.get(`plain:${key}`)))) as (Document | undefined)[];
      const loaded = load(keys.filter((_, index) => values[index] === undefined));
      await Promise.all([...loaded].map(([key, value]) => bare.set(`plain:${key}`, JSON.stringify(value))));
      return keys.map((key, index) => values[index] ?? loaded.get(key));
    };
    for (const run of [byHand, byCache, byBareSocket]) {
      const values = await run();
      verify(values.length === size && values.every((value) => value !== undefined), 'a value is missing');
    }
    const subjects = [
      { name: 'multi-get and one load by hand', round: () => throughput(counted(count, smoke), 1, byHand) },
      { name: ours, round: () => throughput(counted(count, smoke), 1, byCache) },
      { name: 'bare socket', round: () => throughput(counted(count, smoke), 1, byBareSocket) },
    ];
    const close = async (): Promise<void> => {
      client.shutdown();
      bare.close();
      await cache.close();
      await server.stop();
    };
    return { comparisons: [{ variant: '', baseline: 'multi-get and one load by hand', subjects }], close };
  },
};
