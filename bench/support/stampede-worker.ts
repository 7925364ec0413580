import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** One of the processes: on `run` it makes its callers ask at once and sends back how long each waited. */
const [subject, address, journal, callersText] = process.argv.slice(2) as [string, string, string, string];
const loadMs = 100;

const load = async (key: string): Promise<{ key: string }> => {
  appendFileSync(journal, `${key}\n`);
  await delay(loadMs);
  return { key };
};

const get = await subjectOf(subject);
process.on('message', (key: string) => {
  const callers = Array.from({ length: Number(callersText) }, async () => {
    const startedAt = performance.now();
    const value = await get(key);
    if (value?.key !== key) throw new Error(`wrong value for ${key}`);
    return performance.now() - startedAt;
  });
  void Promise.all(callers).then((waits) => process.send?.(waits));
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

/** Each process loads nothing of the other contenders. */
async function subjectOf(name: string): Promise<(key: string) => Promise<{ key: string } | null | undefined>> {
  if (name === 'nestjs-tiered-cache') {
    const { memcachedStore } = await import('nestjs-tiered-cache/memcached');
    const { openCache, patient } = await import('./subjects.js');
    const cache = await openCache({ store: memcachedStore({ servers: address, ...patient }) });
    return (key) => cache.getOrSet(key, () => load(key), { ttl: '1m' });
  }
  if (name === 'nestjs-tiered-cache on Redis') {
    const { redisStore } = await import('nestjs-tiered-cache/redis');
    const { openCache, patient } = await import('./subjects.js');
    const cache = await openCache({ store: redisStore({ url: `redis://${address}`, ...patient }) });
    return (key) => cache.getOrSet(key, () => load(key), { ttl: '1m' });
  }
  if (name === 'bentocache on Redis') {
    const { BentoCache, bentostore } = await import('bentocache');
    const { redisDriver } = await import('bentocache/drivers/redis');
    const { memoryDriver } = await import('bentocache/drivers/memory');
    const [host = '', port = ''] = address.split(':');
    const store = bentostore()
      .useL1Layer(memoryDriver())
      .useL2Layer(redisDriver({ connection: { host, port: Number(port) } }));
    const bento = new BentoCache({ default: 'shared', stores: { shared: store } });
    return (key) => bento.getOrSet({ key, factory: () => load(key), ttl: '1m' });
  }
  if (name === 'cache-manager') {
    const { createCache: createManager } = await import('cache-manager');
    const { Keyv } = await import('keyv');
    const { default: KeyvMemcache } = await import('@keyv/memcache');
    const manager = createManager({ stores: [new Keyv({ store: new KeyvMemcache(address) as never })] });
    return (key) => manager.wrap(key, () => load(key), 60_000);
  }
  const { Loader } = await import('layered-loader');
  const layered = new Loader<{ key: string }>({
    inMemoryCache: { ttlInMsecs: 60_000 },
    dataSources: [{ get: load, getMany: async () => [], name: 'source' }],
  });
  return (key) => layered.get(key);
}
