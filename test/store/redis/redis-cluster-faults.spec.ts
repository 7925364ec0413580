import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import type { FeedReading, Mark } from '../../../src/store/feed.js';
import type { Shard, Store } from '../../../src/store/store.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { CacheLock } from '../../../src/lock/cache-lock.js';
import { placeLock } from '../../../src/lock/lock-place.js';
import { leaseOf } from '../../lock/support/open-locks.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { moveSlot, nodeTimeoutMs, startRedisCluster } from '../../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';

const partitions = 12;
const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`);
const life = { ttl: 600_000 };

let cluster: RedisClusterProcesses;
let replica: RedisProcess;
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster();
  const [first, , last] = cluster.nodes as readonly [RedisProcess, RedisProcess, RedisProcess];
  replica = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${nodeTimeoutMs}`] });
  await replica.command('CLUSTER', 'MEET', '127.0.0.1', first.port);
  const primaryId = await last.text('CLUSTER', 'MYID');
  await eventually(() => replica.command('CLUSTER', 'REPLICATE', primaryId), { everyMs: 50 });
  await eventually(async () => expect((await replica.info('replication'))['master_link_status']).toBe('up'), {
    everyMs: 50,
  });
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(async () => {
  await replica.stop();
  await cluster.stop();
});

/** @param commandTimeout how long a slot that is on its way is waited for as well. */
async function storeOn(commandTimeout = 2_000): Promise<Store> {
  const nodes = cluster.nodes.map(({ address }) => address);
  const options = { cluster: nodes, partitions, commandTimeout, connectTimeout: 1_000 };
  const store = redisStoreWith(options, { driver: () => testedDriver('built-in') });
  await store.open();
  endings.push(() => store.close());
  return store;
}

/** A cache as another process would have it. */
async function cacheOn(commandTimeout?: number): Promise<TieredCache> {
  const store = await storeOn(commandTimeout);
  const cache = await buildCache({ store, coherence: { interval: 50 } });
  endings.push(() => cache.close());
  return cache;
}

/** A lock room as another process would have it, names for locks, and where they are. */
async function locksOn() {
  const options = {
    cluster: cluster.nodes.map(({ address }) => address),
    partitions,
    commandTimeout: 1_000,
    connectTimeout: 1_000,
  };
  const store = redisStoreWith(options, { driver: () => testedDriver('built-in') });
  await store.open();
  const locks = new CacheLock({ store, namespace: 'test', ttl: '60s', deadline: '3s' });
  endings.push(async () => {
    await locks.shutdown(0);
    await store.close();
  });
  const isAt = (resource: string, node: RedisProcess): boolean => {
    const { lockKey } = placeLock(store, 'test', resource);
    const partition = store.shards.indexOf(store.shardOf(lockKey));
    return cluster.ownerOf(keySlot(prefixOf(partition))) === node;
  };
  return { locks, isAt, resources: Array.from({ length: 30 }, (_, index) => `lock-${index}`) };
}

const prefixOf = (partition: number): string => `{~${partition}}`;

/** Writes all keys, and finds each of them on the node that has it: its name there begins with its partition's. */
async function writeAll(cache: TieredCache): Promise<ReadonlyMap<string, string>> {
  for (const key of keys) expect(await cache.set(key, 'old', life)).toBe(true);
  const found = await Promise.all(cluster.nodes.map((node) => node.command('KEYS', '*')));
  const names = (found as readonly (readonly Buffer[])[]).flat().map(String);
  return new Map(keys.map((key) => [key, names.find((name) => name.endsWith(`}${cache.storeKey(key)}`)) ?? '']));
}

describe('R4 In a cluster of three', () => {
  it('a slot that moves under load makes no value wrong and fails no write, and costs nothing once it has moved', async () => {
    const [writer, reader] = [await cacheOn(20_000), await cacheOn(20_000)];
    const slot = keySlot(prefixOf(0));
    const homes = await writeAll(writer);
    const moving = keys.filter((key) => homes.get(key)?.startsWith(prefixOf(0)));
    expect(moving.length).toBeGreaterThan(1);
    const from = cluster.ownerOf(slot);
    const to = cluster.nodes.find((node) => node !== from) as RedisProcess;
    const acknowledged = new Map<string, number>();
    const violations: string[] = [];
    let [rounds, misses, failures, isOver] = [0, 0, 0, false];
    const load = (async () => {
      for (let version = 1; !isOver; version++, rounds++) {
        // What is refused at once would keep everybody else from his turn.
        await turn();
        for (const key of moving) {
          if (await writer.set(key, version, life)) acknowledged.set(key, version);
          else failures++;
        }
        const isDeleted = version % 3 === 0 && (await writer.deleteMany(moving));
        if (version % 3 === 0 && !isDeleted) failures++;
        for (const [index, found] of (await writer.getMany<number>(moving)).entries()) {
          const least = isDeleted ? Infinity : (acknowledged.get(moving[index] as string) ?? 0);
          if (found.hit && found.value < least) violations.push(`${moving[index]}: ${found.value} after ${least}`);
          // The new owner is another incarnation: what it holds is distrusted once.
          if (!found.hit && version % 3 !== 0) misses++;
        }
      }
    })();
    await eventually(() => expect(rounds).toBeGreaterThan(3));
    await moveSlot(cluster, slot, from, to);
    // How many misses come while the slot moves is the machine's to say; then there are no more.
    await eventually(async () => {
      const before = { rounds, misses };
      await eventually(() => expect(rounds).toBeGreaterThan(before.rounds + 3));
      expect(misses).toBe(before.misses);
    });
    isOver = true;
    await load;
    expect({ violations, failures }).toEqual({ violations: [], failures: 0 });
    for (const key of moving) await writer.set(key, 'last', life);
    await eventually(async () => {
      for (const key of moving) expect(await reader.get(key)).toBe('last');
    });
    await moveSlot(cluster, slot, to, from);
  });

  it('a slot that has moved is distrusted once, whichever process reads its feed after the first', async () => {
    const slot = keySlot(prefixOf(1));
    const from = cluster.ownerOf(slot);
    const to = cluster.nodes.find((node) => node !== from) as RedisProcess;
    const [one, other] = [(await storeOn()).shards[1], (await storeOn()).shards[1]] as [Shard, Shard];
    const question = { feed: 'ns', watch: 'ns~versions', maxBehindBytes: 2 ** 20 };
    const read = async (shard: Shard, since?: Mark): Promise<FeedReading | undefined> =>
      eventually(() => shard.readFeed?.({ ...question, since }));
    await read(one);
    await read(other);
    await moveSlot(cluster, slot, from, to);
    const lifted = await read(one);
    await read(other);
    expect(await read(one, lifted?.mark)).toMatchObject({ gap: undefined });
    await moveSlot(cluster, slot, to, from);
  });

  it('S2 L14 a node without a replica costs its keys and its locks alone, until it is back; fencing tells two grants apart', async () => {
    const [cache, other] = [await cacheOn(), await cacheOn()];
    const own = cluster.nodes[1] as RedisProcess;
    const others = cluster.nodes.filter((node) => node !== own);
    const homes = await writeAll(cache);
    const isLost = (key: string): boolean => cluster.ownerOf(keySlot(homes.get(key) ?? '')) === own;
    const share = keys.filter(isLost).length;
    expect(share).toBeGreaterThan(5);
    expect(share).toBeLessThan(keys.length / 2);
    const [ours, theirs] = [await locksOn(), await locksOn()];
    const resource = ours.resources.find((each) => ours.isAt(each, own)) as string;
    const lease = leaseOf(await ours.locks.acquire(resource, { ttl: '3s' }));
    const sizes = (): Promise<unknown[]> => Promise.all(others.map((node) => node.command('DBSIZE')));
    const before = await sizes();

    await own.kill();
    for (const key of keys) {
      if (isLost(key)) expect(await other.lookup(key)).toMatchObject({ hit: false });
      else expect(await other.get(key)).toBe('old');
    }
    for (const { locks } of [ours, theirs, theirs]) expect((await locks.acquire(resource)).status).toBe('unavailable');
    // Nothing is written elsewhere in its place.
    expect(await sizes()).toEqual(before);

    await own.start();
    const second = await eventually(async () => leaseOf(await theirs.locks.acquire(resource)));
    expect(second.fencingToken).toBeGreaterThan(lease.fencingToken);
    await eventually(() => expect(lease.signal.aborted).toBe(true));
    expect(await lease.release()).toBe('lost');
    expect(await second.renew()).toBe(true);
    for (const key of keys) {
      if (!isLost(key)) expect(await other.get(key)).toBe('old');
      else await eventually(async () => expect(await cache.set(key, 'new', life)).toBe(true));
    }
  });

  it('a node that dies costs its partitions only; the replica that takes over serves nothing that was deleted', async () => {
    const [cache, other] = [await cacheOn(), await cacheOn()];
    const victim = cluster.nodes[2] as RedisProcess;
    const homes = await writeAll(cache);
    const lost = keys.filter((key) => cluster.ownerOf(keySlot(homes.get(key) ?? '')) === victim);
    expect(lost.length).toBeGreaterThan(5);
    expect(lost.length).toBeLessThan(keys.length / 2);
    const [deleted] = lost as [string, ...string[]];
    await victim.command('SET', `${homes.get(deleted)?.replace(/}.*/, '}')}replicated`, 'yes');
    expect(await victim.command('WAIT', 1, 30_000)).toBe(1);
    // The replica hears of nothing more, and has the deleted value when it comes back.
    await replica.command('SAVE');
    await replica.kill();
    expect(await cache.delete(deleted)).toBe(true);
    await victim.kill();
    const found = await other.getMany(keys);
    expect(found.map((each) => (each.hit ? each.value : 'miss'))).toEqual(
      keys.map((key) => (lost.includes(key) ? 'miss' : 'old')),
    );
    await replica.start();
    await eventually(() => replica.command('CLUSTER', 'FAILOVER', 'TAKEOVER'));
    expect(await replica.command('EXISTS', homes.get(deleted) ?? '')).toBe(1);
    const seen: unknown[] = [];
    await eventually(
      async () => {
        seen.push(await other.get(deleted));
        for (const key of lost.slice(1)) expect(await cache.set(key, 'new', life)).toBe(true);
      },
      { everyMs: 100 },
    );
    seen.push(await other.get(deleted), await cache.get(deleted));
    expect(new Set(seen)).toEqual(new Set([undefined]));
    for (const key of keys) {
      if (key === deleted) continue;
      await eventually(async () => expect(await other.get(key)).toBe(lost.includes(key) ? 'new' : 'old'));
    }
  });
});
