import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { createCache as createManager } from 'cache-manager';
import { Keyv } from 'keyv';
import KeyvMemcache from '@keyv/memcache';
import { Loader } from 'layered-loader';
import { openCache } from './subjects.js';

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

async function subjectOf(name: string): Promise<(key: string) => Promise<{ key: string } | null | undefined>> {
  if (name === 'nestjs-tiered-cache') {
    const cache = await openCache({ store: memcachedStore({ servers: address }) });
    return (key) => cache.getOrSet(key, () => load(key), { ttl: '1m' });
  }
  if (name === 'cache-manager') {
    const manager = createManager({ stores: [new Keyv({ store: new KeyvMemcache(address) as never })] });
    return (key) => manager.wrap(key, () => load(key), 60_000);
  }
  const layered = new Loader<{ key: string }>({
    inMemoryCache: { ttlInMsecs: 60_000 },
    dataSources: [{ get: load, getMany: async () => [], name: 'source' }],
  });
  return (key) => layered.get(key);
}
