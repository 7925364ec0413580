import { afterEach, describe, expect, it } from '@jest/globals';
import { placeLock } from '../../src/lock/lock-place.js';
import { LeaseLostError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { lockServerNames, startLockServer } from './support/lock-server.js';
import type { LockServer, LockServerName } from './support/lock-server.js';
import { leaseOf, openLocks } from './support/open-locks.js';
import type { OpenLocks } from './support/open-locks.js';

const endings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function memcached(args: readonly string[] = []): Promise<MemcachedProcess> {
  const server = await startMemcached({ args });
  endings.push(() => server.stop());
  return server;
}

async function lockServer(name: LockServerName): Promise<LockServer> {
  const server = await startLockServer[name]();
  endings.push(() => server.stop());
  return server;
}

async function locksAt(...given: Parameters<typeof openLocks>): Promise<OpenLocks> {
  const open = await openLocks(...given);
  endings.push(() => open.close());
  return open;
}

const reasonOf = ({ signal }: { signal: AbortSignal }): unknown =>
  signal.aborted && signal.reason instanceof LeaseLostError && signal.reason.reason;

describe('a server that was restarted between acquire and release', () => {
  /** Two holders, one after the other, of locks with the same revision, since a server counts from 1 when it starts. */
  async function scene(comparesToken: boolean) {
    const server = await memcached();
    const open = await locksAt(server.address, { ttl: '60s' }, { comparesToken });
    const { locks, store } = open;
    const { lockKey } = placeLock(store, 'test', 'a');
    const revision = async (): Promise<string> => server.command(`mg ${lockKey} c`);
    const lease = leaseOf(await locks.acquire('a', { renew: false }));
    const first = await revision();
    await server.restart();
    const next = await eventually(async () => leaseOf(await (await open.another()).acquire('a')));
    expect(first).toMatch(/^HD c\d+$/);
    expect(await revision()).toBe(first);
    return { released: await lease.release(), successorStands: await next.renew() };
  }

  it("L4 releases nothing: the lock is somebody else's, by an equal revision", async () => {
    expect(await scene(true)).toEqual({ released: 'lost', successorStands: true });
  });

  it.each([
    [true, { released: 'lost', successorStands: true }],
    [false, { released: 'released', successorStands: false }],
  ])(
    'L4 nor on Redis, whose revisions are never equal, where tokens are compared: %s',
    async (comparesToken, expected) => {
      const server = await lockServer('redis');
      const open = await locksAt(server.address, { ttl: '60s' }, { comparesToken });
      const lease = leaseOf(await open.locks.acquire('a', { renew: false }));
      await server.kill();
      await server.start();
      const next = await eventually(async () => leaseOf(await (await open.another()).acquire('a')));
      expect({ released: await lease.release(), successorStands: await next.renew() }).toEqual(expected);
    },
  );

  it("L4 and without comparing tokens releases somebody else's", async () => {
    expect(await scene(false)).toEqual({ released: 'released', successorStands: false });
  });
});

it.each(lockServerNames)(
  'L6 on %s, the loss of everything is learnt of at the next renewal, and the signal aborts',
  async (name) => {
    const server = await lockServer(name);
    const { locks } = await locksAt(server.address, { ttl: '3s' });
    const lease = leaseOf(await locks.acquire('a'));
    const renewalIntervalMs = 1_000;
    const aborted = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    await server.forgetAll();
    const flushedAt = performance.now();
    await aborted;
    expectInQuiet(performance.now() - flushedAt, renewalIntervalMs + 300);
    expect(reasonOf(lease)).toBe('gone');
    expect(await lease.release()).toBe('lost');
  },
);

it.each(lockServerNames)(
  'L9 on %s, a release that fails hides no result, and the lock frees itself within its life',
  async (name) => {
    const server = await lockServer(name);
    const proxy = await startTcpProxy(server.port);
    endings.push(() => proxy.close());
    const deadlines = { commandTimeout: 3_000, connectTimeout: 3_000 };
    const { locks } = await locksAt(server.over(proxy.address), { ttl: '6s', deadline: 3_000 }, {}, deadlines);
    const others = await locksAt(server.address);
    const events = recordEvents('lockReleased', 'lockLost');
    const result = { x: 1 };
    const acquiredAt = performance.now();
    const returned = await locks.using('a', {}, async () => {
      await proxy.refuse(true);
      proxy.cut();
      return result;
    });
    events.stop();
    expect(returned).toBe(result);
    expect(events.all).toEqual([{ event: 'lockReleased', resource: 'a', outcome: 'unknown' }]);
    expect((await others.locks.acquire('a')).status).toBe('held');
    leaseOf(await others.locks.acquire('a', { wait: 20_000 }));
    expectInQuiet(performance.now() - acquiredAt, 6_000 + 250 + 500);
  },
);

it.each(lockServerNames)('L9 on %s, the error of a section passes, too, when its server died', async (name) => {
  const server = await lockServer(name);
  const { locks } = await locksAt(server.address);
  const error = new Error('of the section');
  const section = locks.using('a', {}, async () => {
    await server.kill();
    throw error;
  });
  await expect(section).rejects.toBe(error);
});

it('a renewal that meets a new connection is no loss', async () => {
  const server = await memcached();
  const proxy = await startTcpProxy(server.port);
  endings.push(() => proxy.close());
  const { locks, store } = await locksAt(proxy.address, { ttl: '60s' });
  const lease = leaseOf(await locks.acquire('a'));
  const [shard] = store.shards;
  const read = shard.readMany.bind(shard);
  let cuts = 0;
  // The connection is lost between reading the lock and writing it: what was read is of an earlier session.
  shard.readMany = async (keys) => {
    const items = await read(keys);
    if (cuts++ === 0) {
      proxy.cut();
      await eventually(() => expect(proxy.openConnections).toBe(0));
    }
    return items;
  };
  expect(await lease.renew()).toBe(true);
  cuts = 0;
  expect(await lease.release()).toBe('released');
});

it('L14 a lock belongs to its server: unavailable while that is down, granted anew when it is back, and fencing tells the two apart', async () => {
  const servers = await Promise.all([memcached(), memcached()]);
  const open = await locksAt(
    servers.map(({ address }) => address),
    { ttl: '6s' },
  );
  const { locks, store } = open;
  const { lockKey, shard } = placeLock(store, 'test', 'a');
  const own = servers.find(({ address }) => shard.name.endsWith(address)) as MemcachedProcess;
  const other = servers.find((server) => server !== own) as MemcachedProcess;
  const lease = leaseOf(await locks.acquire('a'));
  await own.kill();
  const rival = await open.another();
  for (let tries = 0; tries < 5; tries++) {
    expect((await rival.acquire('a')).status).toBe('unavailable');
    expect((await locks.acquire('a')).status).toBe('unavailable');
  }
  expect(await other.command(`mg ${lockKey} v`)).toBe('EN');
  await own.start();
  const second = await eventually(async () => leaseOf(await rival.acquire('a')));
  expect(second.fencingToken).toBeGreaterThan(lease.fencingToken);
  // Its renewal may have come before the rival, to an empty server.
  await eventually(() => expect(['taken', 'gone']).toContain(reasonOf(lease)));
  expect(await lease.release()).toBe('lost');
  expect(await second.renew()).toBe(true);
});

describe('a server that may evict', () => {
  it.each([
    [[], 1],
    [['-M'], 0],
  ] as const)('started with %j is warned of %d times, at its first use', async (args, times) => {
    const server = await memcached(args);
    const { locks } = await locksAt(server.address);
    const events = recordEvents('fault');
    for (const resource of ['a', 'b', 'c']) leaseOf(await locks.acquire(resource));
    await eventually(() =>
      expect(events.of('fault').filter(({ kind }) => kind === 'evicts-locks')).toHaveLength(times),
    );
    events.stop();
    expect(events.of('fault')).toHaveLength(times);
  });
});
