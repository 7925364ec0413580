import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import type { RedisAccess } from '../../../src/store/redis/redis-access.js';
import { RedisServerError } from '../../../src/store/redis/redis-server-error.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { RedisWakes } from '../../../src/store/redis/redis-wakes.js';
import type { WakeProtections } from '../../../src/store/redis/redis-wakes.js';
import type { Shard, Store } from '../../../src/store/store.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { eventually } from '../../support/eventually.js';
import { patience } from '../../support/patience.js';
import { moveSlot, startRedisCluster } from '../../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';
import { openAccess } from './open-access.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const feed = { feed: 'ns', watch: 'ns~versions' };
const append = (shard: Shard, text: string) =>
  shard.invalidate?.({ ...feed, changes: [], records: [Buffer.from(text)] });

async function open(
  where: { readonly url: string } | { readonly cluster: readonly string[] },
  driver: TestedDriver,
  {
    commandTimeout = patience.commandTimeout,
    ...protections
  }: WakeProtections & { readonly commandTimeout?: number } = {},
): Promise<Store> {
  const options = { ...where, commandTimeout, connectTimeout: patience.connectTimeout, partitions: 6 };
  const store = redisStoreWith(options, { driver: () => testedDriver(driver), ...protections });
  await store.open();
  endings.push(() => store.close());
  return store;
}

describe.each(['built-in', 'ioredis 5'] as const)('An item that is waited for, through %s', (driver) => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());

  it('wakes when it is filled and when its lease is given back, not when that is renewed', async () => {
    const { url } = server;
    const [waiting, filling] = [await open({ url }, driver), await open({ url }, driver)];
    const [stub] = await filling.shards[0].readOrStub(['k'], 60_000);
    let woken = 0;
    const stop = waiting.shards[0].watchItem?.('k', () => woken++);
    expect(woken).toBe(0);
    await eventually(() => expect(woken).toBe(1));
    const write = (text: string, only: NonNullable<typeof stub>['revision']) =>
      filling.shards[0].write('k', Buffer.from(text), { lifeMs: 60_000, only });
    const renewed = await write('', stub?.revision ?? { session: 0, number: 0 });
    if (renewed.status !== 'stored') throw new Error(renewed.status);
    const filled = await write('value', renewed.revision);
    await eventually(() => expect(woken).toBe(2));
    if (filled.status !== 'stored') throw new Error(filled.status);
    expect(await filling.shards[0].remove('k', filled.revision)).toBe('removed');
    await eventually(() => expect(woken).toBe(3));
    stop?.();
    await eventually(async () => expect(await server.text('PUBSUB', 'CHANNELS', 'k*')).toBe(''));
  });

  it('wakes everyone who waits, and those who stopped no more', async () => {
    const { url } = server;
    const store = await open({ url }, driver);
    const woken = [0, 0, 0];
    const stops = woken.map((_, index) =>
      store.shards[0].watchItem?.('several', () => void (woken[index] as number)++),
    );
    await eventually(() => expect(Math.min(...woken)).toBeGreaterThan(0));
    const before = [...woken];
    stops[1]?.();
    const [stub] = await store.shards[0].readOrStub(['several'], 60_000);
    await store.shards[0].remove('several', stub?.revision);
    await eventually(() => expect([woken[0], woken[2]]).toEqual([before[0], before[2]].map((count = 0) => count + 1)));
    expect(woken[1]).toBe(before[1]);
  });
});

it('Whoever tells of an invalidation is not woken by it, unless a second reader shares its connection', async () => {
  const server = await startRedis();
  endings.push(() => server.stop());
  const [telling, other] = [await open(server, 'built-in'), await open(server, 'built-in')];
  const woken = { teller: 0, other: 0, second: 0 };
  telling.shards[0].watchFeed?.(feed.feed, () => woken.teller++);
  other.shards[0].watchFeed?.(feed.feed, () => woken.other++);
  await eventually(() => expect(woken).toEqual({ teller: 1, other: 1, second: 0 }));
  await append(telling.shards[0], 'first');
  await eventually(() => expect(woken.other).toBe(2));
  expect(woken.teller).toBe(1);
  await append(other.shards[0], 'second');
  await eventually(() => expect(woken.teller).toBe(2));
  telling.shards[0].watchFeed?.(feed.feed, () => woken.second++);
  await eventually(() => expect(woken.second).toBeGreaterThan(0));
  const before = { ...woken };
  await append(telling.shards[0], 'third');
  await eventually(() => expect(woken.second).toBeGreaterThan(before.second));
});

/** What is published while the listener's connection is lost without a word. @returns how often it was woken afterwards. */
async function wokenAfterSilence(pings: boolean): Promise<number> {
  const server = await startRedis();
  endings.push(() => server.stop());
  const proxy = await startTcpProxy(server.port);
  endings.push(() => proxy.close());
  // A ping that is late on a busy machine ends a subscription that was well, too: that wakes more often, never less.
  const commandTimeout = pings ? 200 : patience.commandTimeout;
  const listening = await eventually(() =>
    open({ url: `redis://${proxy.address}` }, 'ioredis 6', { commandTimeout, pings }),
  );
  const writer = await open({ url: server.url }, 'built-in');
  let woken = 0;
  listening.shards[0].watchFeed?.(feed.feed, () => woken++);
  await eventually(() => expect(woken).toBeGreaterThanOrEqual(1));
  const before = woken;
  await append(writer.shards[0], 'first');
  await eventually(() => expect(woken).toBeGreaterThan(before));
  // Nothing more comes over this connection, and nobody says so.
  proxy.truncateNextReply(0);
  const heard = woken;
  await append(writer.shards[0], 'unheard');
  if (pings) await eventually(() => expect(woken).toBeGreaterThan(heard));
  else await new Promise((resolve) => setTimeout(resolve, 1_500));
  return woken - heard;
}

it('Listening in a cluster that began twice ends at once', () => {
  const clock = new FakeClock();
  const wakes = new RedisWakes({ isSharded: true } as RedisAccess, clock);
  wakes.open();
  wakes.open();
  wakes.close();
  expect(clock.waiting).toBe(0);
});

describe('A subscription that is lost without a word', () => {
  it('is noticed, made anew, and what came meanwhile made good', async () => {
    expect(await wokenAfterSilence(true)).toBeGreaterThan(0);
  });

  it('(−) is listened to on and on where nobody pings', async () => {
    expect(await wokenAfterSilence(false)).toBe(0);
  });
});

describe('In a cluster', () => {
  let cluster: RedisClusterProcesses;
  beforeAll(async () => void (cluster = await startRedisCluster()));
  afterAll(() => cluster.stop());

  it.each(['built-in', 'ioredis 5'] as const)(
    'wake-ups come from the node that has the slot, and follow it; through %s',
    async (driver) => {
      const where = { cluster: cluster.nodes.map(({ address }) => address) };
      const [listening, writing] = [await open(where, driver), await open(where, driver)];
      const woken = listening.shards.map(() => 0);
      for (const [index, shard] of listening.shards.entries()) {
        shard.watchFeed?.(feed.feed, () => void (woken[index] as number)++);
      }
      await eventually(() => expect(Math.min(...woken)).toBeGreaterThan(0));
      const channels = await Promise.all(cluster.nodes.map((node) => node.text('PUBSUB', 'SHARDCHANNELS')));
      for (const [index] of listening.shards.entries()) {
        const channel = `{~${index}}${feed.feed}~feed`;
        const listeners = cluster.nodes.filter((_, node) => channels[node]?.split(',').includes(channel));
        expect(listeners.map(({ port }) => port)).toEqual([cluster.ownerOf(keySlot(channel)).port]);
      }
      const before = [...woken];
      for (const shard of writing.shards) await append(shard, 'x');
      await eventually(() => {
        for (const [index, count] of woken.entries()) expect(count).toBeGreaterThan(before[index] ?? 0);
      });
      const slot = keySlot('{~2}');
      const from = cluster.ownerOf(slot);
      const to = cluster.nodes.find((node) => node !== from) as RedisProcess;
      await moveSlot(cluster, slot, from, to);
      // Its next reading of the feed tells a process that the slot has moved.
      await eventually(async () => {
        await listening.shards[2]?.readFeed?.({ ...feed, since: undefined, maxBehindBytes: 2 ** 20 });
        expect(await to.text('PUBSUB', 'SHARDNUMSUB', `{~2}${feed.feed}~feed`)).toBe(`{~2}${feed.feed}~feed,1`);
      });
      const moved = woken[2] ?? 0;
      await eventually(() => append(writing.shards[2] as Shard, 'after the move'));
      await eventually(() => expect(woken[2]).toBeGreaterThan(moved));
      await moveSlot(cluster, slot, to, from);
    },
  );

  /** Two channels of one node, listened to by a clock that stands still. */
  async function listenAt(reach: (access: RedisAccess) => Partial<RedisAccess> = () => ({})) {
    const [x, y] = cluster.nodes as readonly [RedisProcess, RedisProcess, RedisProcess];
    const tags = Array.from({ length: 50 }, (_, index) => `{~${index}}`);
    const [first, second] = tags.filter((tag) => cluster.ownerOf(keySlot(tag)) === x) as [string, string];
    const access = await openAccess('built-in', { cluster: [x.address], ...patience });
    access.open();
    // From now on it is known which node has which slot.
    await access.connected(0);
    const clock = new FakeClock();
    const reached = Object.assign(Object.create(access) as RedisAccess, reach(access));
    const wakes = new RedisWakes(reached, clock);
    endings.push(() => {
      wakes.close();
      access.close();
    });
    const woken = { first: 0, second: 0 };
    const listen = (): void => {
      wakes.open();
      wakes.listen(`${first}feed`, keySlot(first), () => woken.first++);
      wakes.listen(`${second}feed`, keySlot(second), () => woken.second++);
    };
    const listeners = (node: RedisProcess, tag: string) => node.text('PUBSUB', 'SHARDNUMSUB', `${tag}feed`);
    return { x, y, first, second, access, clock, woken, listen, listeners };
  }

  it('A channel stays with its node where the slot of another one has moved before the connection is made anew', async () => {
    const { x, y, first, second, access, clock, woken, listen, listeners } = await listenAt();
    listen();
    await eventually(() => expect(Math.min(woken.first, woken.second)).toBeGreaterThan(0));
    await moveSlot(cluster, keySlot(first), x, y);
    endings.push(() => moveSlot(cluster, keySlot(first), y, x));
    // The node ends the first subscription, and the process its connection.
    await eventually(async () => expect(await listeners(x, second)).toBe(`${second}feed,0`));
    access.learn(new RedisServerError(`MOVED ${keySlot(first)} ${y.address}`), keySlot(first));
    await eventually(() => expect(access.homeOf(keySlot(first))).toBe(y.address));
    await eventually(async () => {
      await clock.advance(20);
      expect([await listeners(x, second), await listeners(y, first)]).toEqual([`${second}feed,1`, `${first}feed,1`]);
    });
  });

  it('A connection to another node than the one of its channels is left', async () => {
    const lastSlot = 16_383;
    expect(cluster.ownerOf(lastSlot)).not.toBe(cluster.ownerOf(0));
    let made = 0;
    const { x, first, second, clock, listen, listeners } = await listenAt((through) => ({
      ownConnection: (slot, ...rest) => through.ownConnection(made++ === 0 ? lastSlot : slot, ...rest),
    }));
    listen();
    await eventually(async () => {
      await clock.advance(20);
      expect([await listeners(x, first), await listeners(x, second)]).toEqual([`${first}feed,1`, `${second}feed,1`]);
    });
    expect(made).toBe(2);
  });
});
