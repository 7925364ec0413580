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

it('A listing tells each key that stands, also while items are read, written and moved', async () => {
  const server = await startMemcached();
  const store = memcachedStore({ servers: server.address, ...patience });
  await store.open();
  const [shard] = store.shards;
  const write = (keys: readonly string[]): Promise<unknown> =>
    Promise.resolve(
      shard.writeMany?.(
        keys.map((storeKey) => ({ storeKey, bytes: Buffer.alloc(50, 'x'), options: { lifeMs: Infinity } })),
      ),
    );
  const standing = Array.from({ length: 2_000 }, (_, index) => `standing:${index}`);
  await write(standing);
  let isOver = false;
  const churned = (async () => {
    for (let round = 0; !isOver; round++) {
      const others = Array.from({ length: 200 }, (_, index) => `other:${(200 * round + index) % 20_000}`);
      await Promise.all([write(others), shard.readMany(standing.filter((_, index) => index % 7 === round % 7))]);
    }
  })();
  for (let listings = 0; listings < 40; listings++) {
    const listed = new Set<string>();
    for await (const key of shard.keys?.('standing:') ?? []) listed.add(key);
    expect(standing.filter((key) => !listed.has(key))).toEqual([]);
  }
  isOver = true;
  await churned;
  await store.close();
  await server.stop();
});
