import { BentoCache, bentostore } from 'bentocache';
import { redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { Loader, RedisCache } from 'layered-loader';
import { redisStore } from 'nestjs-tiered-cache/redis';
import { counted, throughput, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { BareSocket } from '../support/bare-socket.js';
import { bareRedis } from '../support/bare-redis.js';
import { startRedis } from '../support/servers.js';
import { document, neverLoads, openCache, ours, patient } from '../support/subjects.js';

const keys = Array.from({ length: 500 }, (_, index) => `content:${index}`);
const counts = new Map([
  [1, 5_000],
  [64, 60_000],
  [256, 60_000],
]);

type Document = { readonly id: number };
type Get = (key: string) => Promise<Document | null | undefined>;

const parsed = (text: string | null): Document => JSON.parse(text ?? 'null') as Document;

export const benchmark: Benchmark = {
  name: 'redis-hit',
  unit: 'op/s',
  title: 'A hit of Redis',
  work: '1 KB of JSON from Redis, no process tier, by 1, 64 and 256 callers; ioredis pipelines by itself from 64 on',
  meaning:
    'The same on Redis. Look-ups of one turn share one MGET. Where one caller asks alone there is nothing to share, and the checks are all that is added.',
  aims: [
    { of: '1', atLeast: 1 },
    { of: '64', atLeast: 1.2 },
    { of: '256', atLeast: 1.2 },
    { of: '64', atLeast: 0.5, beside: '@redis/client 64' },
  ],
  limit: 'bare socket',
  remark:
    'Each hit of this library also checks the entry, keeps a deadline, and freezes the value. `@redis/client` runs without its timeouts.',
  rounds: 7,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const server = await startRedis();
    const cache = await openCache({
      store: redisStore({ url: `redis://${server.address}`, ...patient }),
      process: false,
    });
    const plain = new Redis({ port: server.port });
    const pipelined = new Redis({ port: server.port, enableAutoPipelining: true });
    const bare = await bareRedis(server.address);
    const limit = await BareSocket.open(server.port, 'redis');
    const layered = new Loader<Document>({
      inMemoryCache: false,
      asyncCache: new RedisCache<Document>(plain, { prefix: 'layered', json: true, ttlInMsecs: 3_600_000 }),
      dataSources: [{ get: async () => neverLoads(), getMany: async () => neverLoads(), name: 'none' }],
    });
    const store = bentostore().useL2Layer(redisDriver({ connection: { host: '127.0.0.1', port: server.port } }));
    const bento = new BentoCache({ default: 'shared', stores: { shared: store } });
    for (const [index, key] of keys.entries()) {
      const value = document(1_000, index);
      await cache.set(key, value, { ttl: '1h' });
      await plain.set(`plain:${key}`, JSON.stringify(value));
      await plain.set(`layered:${key}`, JSON.stringify(value));
      await bento.set({ key, value, ttl: '1h' });
    }
    const subjectsAt = (callers: number): [string, Get][] => [
      ['ioredis', async (key) => parsed(await (callers === 1 ? plain : pipelined).get(`plain:${key}`))],
      [ours, (key) => cache.getOrSet<Document>(key, neverLoads)],
      ['@redis/client', async (key) => parsed(await bare.get(`plain:${key}`))],
      ['bare socket', (key) => limit.get(`plain:${key}`) as Promise<Document>],
      ['bentocache', (key) => bento.get<Document>({ key })],
      ['layered-loader', (key) => layered.get(key)],
    ];
    for (const [name, get] of subjectsAt(1)) verify((await get('content:7'))?.id === 7, name);
    const comparisons = [...counts].map(([concurrency, count]): Comparison => ({
      variant: `${concurrency}`,
      baseline: 'ioredis',
      subjects: subjectsAt(concurrency).map(([name, get]) => ({
        name,
        round: () =>
          throughput(counted(count, smoke), concurrency, (index) => get(keys[index % keys.length] as string)),
      })),
    }));
    const close = async (): Promise<void> => {
      for (const client of [plain, pipelined]) client.disconnect();
      bare.destroy();
      limit.close();
      await bento.disconnectAll();
      await cache.close();
      await server.stop();
    };
    return { comparisons, close };
  },
};
