import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startReplica } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { startTcpProxy, TcpProxy } from '../../support/tcp-proxy.js';
import { testedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

interface How {
  readonly checksIncarnation?: boolean;
  readonly asksRole?: boolean;
}

async function cacheAt(port: number, how: How = {}): Promise<TieredCache> {
  const options = { url: `redis://127.0.0.1:${port}`, ...patience };
  const store = redisStoreWith(options, { driver: () => testedDriver('built-in'), ...how });
  await store.open();
  const cache = await buildCache({ store, process: false, coherence: { interval: 50 } });
  endings.push(async () => {
    await cache.close();
    await store.close();
  });
  return cache;
}

async function primaryWithReplica(): Promise<{ a: RedisProcess; b: RedisProcess }> {
  const a = await startRedis();
  endings.push(() => a.stop());
  const b = await startReplica(a.port);
  endings.push(() => b.stop());
  return { a, b };
}

/** Waits until B holds what A has acknowledged, then makes it a primary of its own, so that the two hear nothing of each other. */
async function part(a: RedisProcess, b: RedisProcess): Promise<void> {
  await a.command('SET', 'replicated', 'yes');
  expect(await a.command('WAIT', 1, 30_000)).toBe(1);
  await b.command('REPLICAOF', 'NO', 'ONE');
}

const written = async (cache: TieredCache, key: string): Promise<void> => {
  await eventually(async () => expect(await cache.set(key, 'yes', { ttl: 600_000 })).toBe(true));
};

/** A serves, then B at the same address, then A again, which was cut off and heard of nothing. @returns what is read of a key that was deleted at B. */
async function readAfterReturn(how?: How): Promise<unknown> {
  const { a, b } = await primaryWithReplica();
  let address = await startTcpProxy(a.port);
  const { port } = address;
  endings.push(() => address.close());
  const moveTo = async (server: RedisProcess): Promise<void> => {
    await address.close();
    address = new TcpProxy(server.port);
    address.port = port;
    await address.refuse(false);
  };
  const cache = await cacheAt(port, how);
  await cache.set('k', 'old', { ttl: 600_000 });
  await part(a, b);
  await moveTo(b);
  await written(cache, 'at B');
  expect(await eventually(async () => (await cache.delete('k')) || Promise.reject(new Error('not yet')))).toBe(true);
  await moveTo(a);
  await written(cache, 'at A');
  return cache.get('k');
}

describe('R8 A server whose identity returns after another had taken over', () => {
  it('brings back nothing that was deleted meanwhile', async () => {
    expect(await readAfterReturn()).toBeUndefined();
  });

  it('(−) brings it back where every incarnation is taken for one', async () => {
    expect(await readAfterReturn({ checksIncarnation: false })).toBe('old');
  });
});

/** A cache, and its way to a server. */
interface Way {
  readonly cache: TieredCache;
  readonly proxy: TcpProxy;
}

/** Caches that reach A, each by a way of its own; one is led to B by `moveTo`. */
async function cachesAt(a: RedisProcess, count: number): Promise<Way[]> {
  const ways: Way[] = [];
  while (ways.length < count) {
    const proxy = await startTcpProxy(a.port);
    endings.push(() => proxy.close());
    ways.push({ proxy, cache: await cacheAt(proxy.port) });
  }
  return ways;
}

async function moveTo({ port }: RedisProcess, { cache, proxy }: Way): Promise<void> {
  proxy.target = port;
  proxy.cut();
  await written(cache, 'moved');
}

describe('R8 A process that comes from the old primary later than another', () => {
  it('brings along what the old one acknowledged meanwhile', async () => {
    const { a, b } = await primaryWithReplica();
    const [first, later] = (await cachesAt(a, 2)) as [Way, Way];
    await first.cache.set('k', 'old', { ttl: 600_000 });
    await part(a, b);
    await moveTo(b, first);
    // It was loaded from a row that is changed after that.
    expect(await first.cache.set('k', 'old', { ttl: 600_000 })).toBe(true);
    expect(await later.cache.delete('k')).toBe(true);
    await moveTo(b, later);
    expect(await later.cache.get('k')).toBeUndefined();
    await eventually(async () => expect(await first.cache.get('k')).toBeUndefined());
  });

  it('costs no second cold cache where the old one answered nobody since', async () => {
    const { a, b } = await primaryWithReplica();
    const [first, ...others] = (await cachesAt(a, 3)) as [Way, ...Way[]];
    await part(a, b);
    await a.kill();
    await moveTo(b, first);
    expect(await first.cache.set('k', 'new', { ttl: 600_000 })).toBe(true);
    for (const other of others) {
      await moveTo(b, other);
      expect(await other.cache.get('k')).toBe('new');
    }
    expect(await first.cache.get('k')).toBe('new');
  });
});

/** A is demoted under the connections of one cache, and gets nothing of what another deletes at B. @returns what the first reads from then on. */
async function readAfterDemotion(how?: How): Promise<unknown[]> {
  const { a, b } = await primaryWithReplica();
  const atA = await cacheAt(a.port, how);
  await atA.set('k', 'old', { ttl: 600_000 });
  await part(a, b);
  const nowhere = await startTcpProxy(b.port);
  endings.push(() => nowhere.close());
  nowhere.blackhole(true);
  await a.command('REPLICAOF', '127.0.0.1', nowhere.port);
  const atB = await cacheAt(b.port);
  expect(await atB.delete('k')).toBe(true);
  if (how?.asksRole === false) await new Promise((resolve) => setTimeout(resolve, 500));
  else await eventually(async () => expect(await atA.get('k')).toBeUndefined());
  const seen: unknown[] = [];
  for (let time = 0; time < 5; time++) {
    seen.push((await atA.get('k')) ?? 'absent');
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return [...new Set(seen)];
}

describe('R8 A server that is demoted under standing connections', () => {
  it('is asked for nothing more once the feed was read', async () => {
    expect(await readAfterDemotion()).toEqual(['absent']);
  });

  it('(−) is believed on and on where nobody asks for its role', async () => {
    expect(await readAfterDemotion({ asksRole: false })).toEqual(['old']);
  });
});
