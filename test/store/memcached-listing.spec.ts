import { expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { startMemcached } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

it('Listings wait for each other where a server does one at a time', async () => {
  const server = await startMemcached();
  const store = memcachedStore({ servers: server.address, ...patience });
  await store.open();
  const [shard] = store.shards;
  const keys = Array.from({ length: 50_000 }, (_, index) => `k:${index}`);
  await shard.writeMany?.(
    keys.map((storeKey) => ({ storeKey, bytes: Buffer.from('x'), options: { lifeMs: Infinity } })),
  );
  const listed = async (): Promise<number> => {
    let count = 0;
    for await (const _ of shard.keys?.('k:') ?? []) count++;
    return count;
  };
  expect(await Promise.all([listed(), listed(), listed()])).toEqual([keys.length, keys.length, keys.length]);
  await store.close();
  await server.stop();
});
