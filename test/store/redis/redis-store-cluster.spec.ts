import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { storeContract } from '../../../src/testing/store-contract.js';
import { recordEvents } from '../../../src/testing/event-recorder.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { waitingAtOnce } from '../../support/at-once.js';
import { eventually } from '../../support/eventually.js';
import { moveSlot, startRedisCluster } from '../../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../../support/redis-fleet.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

let cluster: RedisClusterProcesses;
beforeAll(async () => void (cluster = await startRedisCluster()));
afterAll(() => cluster.stop());

const patient = { ...patience, maxItemBytes: 2 ** 20 };

async function openStore(driver: 'built-in' | 'ioredis 6'): Promise<Store> {
  const nodes = cluster.nodes.map(({ address }) => address);
  const store = redisStoreWith({ cluster: nodes, ...patient }, { driver: () => testedDriver(driver) });
  await store.open();
  return store;
}

for (const driver of ['built-in', 'ioredis 6'] as const) {
  storeContract(waitingAtOnce('lives', 'counters', 'the listing of keys'), {
    name: `redis, a Cluster of three, through ${driver}`,
    tooLargeBytes: 2 ** 20 + 1,
    open: async () => {
      const opened = [await openStore(driver)];
      const secondHandle = async (): Promise<Store> => {
        const store = await openStore(driver);
        opened.push(store);
        return store;
      };
      return {
        store: opened[0] as Store,
        secondHandle,
        dispose: () => Promise.all(opened.map((store) => store.close())).then(() => {}),
      };
    },
  });
}

it('spreads its partitions over the nodes of a Cluster', async () => {
  const store = await openStore('built-in');
  const before = await Promise.all(cluster.nodes.map(async (node) => Number(await node.text('DBSIZE'))));
  for (let index = 0; index < 600; index++) {
    const key = `spread:${index}`;
    await store.shardOf(key).write(key, Buffer.from('x'), { lifeMs: Infinity });
  }
  const after = await Promise.all(cluster.nodes.map(async (node) => Number(await node.text('DBSIZE'))));
  for (const [index, count] of after.entries()) expect(count - (before[index] ?? 0)).toBeGreaterThan(100);
  await store.close();
});

it('refuses a listing of a partition that has moved, and lists all of it once its new node is known', async () => {
  // What others have left there would have to move as well.
  for (const node of cluster.nodes) await node.command('FLUSHALL');
  const store = await openStore('built-in');
  const keys = Array.from({ length: 400 }, (_, index) => `moved:${index}`);
  const moved = keys.filter((key) => store.shardOf(key) === store.shards[0]);
  expect(moved.length).toBeGreaterThan(0);
  for (const key of moved) await store.shards[0].write(key, Buffer.from('x'), { lifeMs: 60_000 });
  const listed = async (): Promise<string[]> => {
    const found = new Set<string>();
    for await (const key of store.shards[0].keys?.('moved:') ?? []) found.add(key);
    return [...found].sort();
  };
  expect(await listed()).toEqual(moved.sort());
  const slot = keySlot('{~0}');
  const from = cluster.ownerOf(slot);
  const to = cluster.nodes.find((node) => node !== from) as RedisProcess;
  await moveSlot(cluster, slot, from, to);
  await expect(listed()).rejects.toThrow(StoreUnavailableError);
  await eventually(async () => expect(await listed()).toEqual(moved.sort()));
  await moveSlot(cluster, slot, to, from);
  await store.close();
});

it('is found by one of its nodes', async () => {
  const { address } = cluster.nodes[0] as RedisProcess;
  const store = redisStoreWith({ url: `redis+cluster://${address}`, ...patient });
  await store.open();
  const keys = Array.from({ length: 50 }, (_, index) => `found:${index}`);
  await Promise.all(keys.map((key) => store.shardOf(key).write(key, Buffer.from(key), { lifeMs: 60_000 })));
  const found = await Promise.all(keys.map((key) => store.shardOf(key).readMany([key])));
  expect(found.map(([item]) => item?.bytes.toString())).toEqual(keys);
  await store.close();
});

it('is not used where one of its nodes is named as a Redis alone, which one fault says', async () => {
  const { address, url } = cluster.nodes[0] as RedisProcess;
  const faults = recordEvents('fault');
  const store = redisStoreWith({ url, ...patient });
  await store.open();
  for (let time = 0; time < 2; time++) await expect(store.shards[0].readMany(['k'])).rejects.toThrow(/a Cluster/);
  await store.close();
  faults.stop();
  expect(faults.of('fault')).toEqual([
    expect.objectContaining({
      source: `redis ${address}`,
      kind: 'unsuitable',
      message: expect.stringContaining(`redis+cluster://${address}`),
    }),
  ]);
});
