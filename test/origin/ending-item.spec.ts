import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { FillLeases } from '../../src/origin/fill-lease.js';
import { keptMs } from '../../src/origin/kept-ms.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Store } from '../../src/store/store.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

let server: MemcachedProcess;
let store: Store;
beforeAll(async () => {
  server = await startMemcached();
  store = memcachedStore({ servers: server.address, ...patience });
  await store.open();
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

it.each([60_000, 6 * 3_600_000, 30 * 86_400_000])(
  'A lease beside an item of %s ms that is about to end fills it, on memcached',
  async (lifeMs) => {
    // 1. memcached counts whole seconds, and drifts: it keeps the item for longer than a lease gives what is about to end; 2. P wins the right to replace it, and
    // renews it; 3. P fills it. An item that is given a shorter life is written anew by the store, and P's fill would be for another revision.
    const [shard] = store.shards;
    const key = `k${lifeMs}`;
    await shard.write(key, Buffer.from('old'), { lifeMs: 5_000 + lifeMs / 2_000, neverShorter: true });
    const { lease } = await new FillLeases().winRefresh(shard, key, () => ({
      leftMs: () => 5_000,
      keptMs: keptMs(lifeMs),
    }));
    expect(await lease?.renew()).toBe(true);
    expect(await lease?.fill(Buffer.from('new'), 60_000)).toMatchObject({ status: 'stored' });
  },
);

it('An item of a minute that a lease keeps seems younger by a quarter of it at most, on memcached', async () => {
  const [shard] = store.shards;
  await shard.write('aged', Buffer.from('old'), { lifeMs: 60_000, neverShorter: true });
  // Of what it was given, which memcached still knows, five seconds are left.
  await server.command('mg aged T5');
  const life = { leftMs: () => 2_000, keptMs: keptMs(60_000) };
  expect((await new FillLeases().winRefresh(shard, 'aged', () => life)).lease).toBeDefined();
  const [kept] = await shard.readMany(['aged']);
  expect(kept?.ageMs).toBeGreaterThanOrEqual(45_000);
});
