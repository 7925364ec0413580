import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const documented = /^ACL SETUSER (.*)$/m.exec(readFileSync('docs/redis.md', 'utf8'))?.[1] ?? '';

it.each(['built-in', '@redis/client 6', 'ioredis 6'] as const)(
  'A user with the documented rights suffices, through %s',
  async (driver) => {
    const server = await startRedis();
    endings.push(() => server.stop());
    await server.command('ACL', 'SETUSER', ...documented.replace('PASSWORD', 's3cret').split(' '));
    const url = `redis://cache:s3cret@${server.address}/1`;
    const stores: Store[] = [];
    const open = async (): ReturnType<typeof buildCache> => {
      const store = redisStoreWith({ url, ...patience }, { driver: () => testedDriver(driver) });
      stores.push(store);
      const cache = await buildCache({ namespace: 'shop', store, coherence: { interval: 60_000 } });
      endings.push(() => cache.close());
      return cache;
    };
    const [here, there] = [await open(), await open()];
    const load = async (): Promise<string> => 'loaded';
    expect(await here.getOrSet('k', load, { tags: ['t'] })).toBe('loaded');
    await eventually(async () => expect(await there.get('k')).toBe('loaded'));
    await here.set('k', 'set');
    // Long before the interval: the wake-up arrives.
    await eventually(async () => expect(await there.get('k')).toBe('set'));
    await here.delete('k');
    await eventually(async () => expect(await there.get('k')).toBeUndefined());
    await here.set('listed', 'value');
    const listed: string[] = [];
    for await (const key of stores[0]?.shards[0].keys?.('shop') ?? []) listed.push(key);
    expect(listed).toContain(here.storeKey('listed'));
    expect(await server.text('ACL', 'LOG')).toBe('');
  },
);
