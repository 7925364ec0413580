import KeyvMemcache from '@keyv/memcache';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { Loader } from 'layered-loader';
import { MemcacheClient } from 'memcache-client';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { counted, throughput, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { BareSocket } from '../support/bare-socket.js';
import { startMemcached } from '../support/servers.js';
import { document, neverLoads, openCache, ours, patient } from '../support/subjects.js';

const keys = Array.from({ length: 500 }, (_, index) => `content:${index}`);
const counts = new Map([
  [1, 5_000],
  [64, 60_000],
  [256, 60_000],
]);

type Get = (key: string) => Promise<{ id: number } | null | undefined>;

export const benchmark: Benchmark = {
  name: 'shared-hit',
  unit: 'op/s',
  title: 'A hit of memcached',
  work: '1 KB of JSON from memcached, no process tier, by 1, 64 and 256 callers',
  meaning:
    'A look-up that the process tier can’t answer. A service that asks for many keys at a time is spared processor time. One that asks for one at a time waits for the network, whatever client it uses.',
  aims: [
    { of: '1', atLeast: 0.95 },
    { of: '64', atLeast: 2, onNode24: 2.1 },
    { of: '256', atLeast: 2.1, onNode24: 2.3 },
  ],
  limit: 'bare socket',
  remark:
    'Each hit of this library also checks the entry (a checksum over key and bytes, its life, its generation), asks for the right to fill in the same command, and freezes the value. The limit does the least that can be done and still check. `signed` is with `integrity`.',
  rounds: 7,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const server = await startMemcached();
    const cache = await openCache({ store: memcachedStore({ servers: server.address, ...patient }), process: false });
    const signed = await openCache({
      store: memcachedStore({ servers: server.address, ...patient }),
      process: false,
      namespace: 'signed',
      integrity: { keys: [{ id: 'a', secret: 'of the benchmark, which is no secret' }] },
    });
    const client = new MemcacheClient({ server: server.address });
    const bare = await BareSocket.open(server.port, 'memcached');
    const manager = createCache({ stores: [new Keyv({ store: new KeyvMemcache(server.address) as never })] });
    const layered = new Loader<{ id: number }>({
      inMemoryCache: false,
      asyncCache: memcacheCache(client) as never,
      dataSources: [{ get: async () => neverLoads(), getMany: async () => neverLoads(), name: 'none' }],
    });
    for (const [index, key] of keys.entries()) {
      const value = document(1_000, index);
      await cache.set(key, value, { ttl: '1h' });
      await signed.set(key, value, { ttl: '1h' });
      await client.set(`plain:${key}`, JSON.stringify(value), { lifetime: 3_600 });
      await manager.set(key, value, 3_600_000);
    }
    const subjects: [string, Get][] = [
      [
        'memcache-client',
        async (key) => JSON.parse((await client.get<string>(`plain:${key}`))?.value ?? 'null') as { id: number },
      ],
      [ours, (key) => cache.getOrSet<{ id: number }>(key, neverLoads)],
      [`${ours} with { ttl }`, (key) => cache.getOrSet<{ id: number }>(key, neverLoads, { ttl: '1h' })],
      ['bare socket', (key) => bare.get(`plain:${key}`) as Promise<{ id: number }>],
      [`${ours}, signed`, (key) => signed.getOrSet<{ id: number }>(key, neverLoads)],
      ['cache-manager', (key) => manager.get<{ id: number }>(key)],
      ['layered-loader', (key) => layered.get(key)],
    ];
    for (const [name, get] of subjects) verify((await get('content:7'))?.id === 7, name);
    const comparisons = [...counts].map(([concurrency, count]): Comparison => ({
      variant: `${concurrency}`,
      baseline: 'memcache-client',
      subjects: subjects.map(([name, get]) => ({
        name,
        round: () =>
          throughput(counted(count, smoke), concurrency, (index) => get(keys[index % keys.length] as string)),
      })),
    }));
    const close = async (): Promise<void> => {
      client.shutdown();
      bare.close();
      await cache.close();
      await signed.close();
      await server.stop();
    };
    return { comparisons, close };
  },
};

/** layered-loader brings a Redis cache alone; this gives it the same server through memcache-client. */
function memcacheCache(client: MemcacheClient): object {
  return {
    name: 'memcached',
    ttlLeftBeforeRefreshInMsecs: undefined,
    expirationTimeLoadingOperation: { get: async () => undefined },
    get: async (key: string) => JSON.parse((await client.get<string>(`plain:${key}`))?.value ?? 'null') as unknown,
    getMany: async () => ({ resolvedValues: [], unresolvedKeys: [] }),
    set: async () => {},
    setMany: async () => {},
    delete: async () => {},
    clear: async () => {},
    close: async () => {},
  };
}
