import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { collectCacheMetrics } from '../../src/adapter/prometheus-metrics.js';
import { configEndpoint, parseConfiguration } from '../../src/store/memcached/list/config-endpoint.js';
import type { ListedServers } from '../../src/store/memcached/list/server-source.js';
import { dnsServers } from '../../src/store/memcached/list/dns-servers.js';
import { memcachedStore, memcachedStoreWith } from '../../src/store/memcached/memcached-store.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { openLocks } from '../../src/module/own-locks.js';
import type { ResolvedOptions } from '../../src/module/resolved-options.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { startConfigEndpoint } from '../support/config-endpoint.js';
import type { ConfigEndpoint } from '../support/config-endpoint.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

type Tuning = Parameters<typeof memcachedStoreWith>[1];

const forever = { lifeMs: Infinity };
/** The source is asked often, and a new list waits for three times as long where a server can't be told. */
const every = 200;

let servers: MemcachedProcess[] = [];
/** The fleet of all tests: a process that stays, so that those of a test are not the first, and know what was before. */
let fleet: ConfigEndpoint;
let resident: Store;
const at = (...indexes: number[]): string[] => indexes.map((index) => (servers[index] as MemcachedProcess).address);
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
  fleet = await startConfigEndpoint(at(0, 1));
  resident = memcachedStoreWith(optionsOf(fleet), {});
  await opened(resident);
});
afterAll(async () => {
  await resident.close();
  await Promise.all([fleet.close(), ...servers.map((server) => server.stop())]);
});

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

let version = 1;

/** The fleet's list from now on, and its version. */
function say(addresses: readonly string[]): number {
  fleet.says(addresses, ++version);
  return version;
}

async function onList(...indexes: number[]): Promise<void> {
  const servers = new Set(await eventually(() => Promise.all(resident.shards.map(serverOf))));
  if (!isDeepStrictEqual(servers, new Set(at(...indexes)))) await isOnVersion(resident, say(at(...indexes)));
}

/** An endpoint of another fleet, or of the fleet's processes that are told of the present list and of no later one. */
async function endpointOf(addresses: readonly string[]): Promise<ConfigEndpoint> {
  const endpoint = await startConfigEndpoint(addresses, version);
  endings.push(() => endpoint.close());
  return endpoint;
}

function optionsOf(endpoint: ConfigEndpoint, name = 'fleet', often = every): Parameters<typeof memcachedStoreWith>[0] {
  const discover = { ...configEndpoint(endpoint.address), name };
  return { servers: { discover, every: often }, ...patience };
}

/** One process's store. */
function storeOn(endpoint = fleet, name?: string, often?: number, tuning: Tuning = {}): Store {
  const store = memcachedStoreWith(optionsOf(endpoint, name, often), tuning);
  endings.push(() => store.close());
  return store;
}

/** Once it works on a list. */
async function opened(store: Store): Promise<Store> {
  await store.open();
  await eventually(() => store.shards[0].readMany(['~']));
  return store;
}

async function serverOf(shard: Shard): Promise<unknown> {
  return (await shard.stats?.())?.['server'];
}

async function listOf(store: Store): Promise<unknown> {
  return (await store.shards[0].stats?.())?.['listVersion'];
}

const isOnVersion = (store: Store, version: number): Promise<void> =>
  eventually(async () => expect(await listOf(store)).toBe(version));

const put = (store: Store, key: string, value: string) => store.shardOf(key).write(key, Buffer.from(value), forever);
const read = async (store: Store, key: string): Promise<string | undefined> =>
  (await store.shardOf(key).readMany([key]))[0]?.bytes.toString();

describe('a list of servers that a configuration endpoint names', () => {
  it('is asked for, and its parts are spread over its servers', async () => {
    await onList(0, 1, 2);
    const changes = recordEvents('serversChanged');
    endings.push(() => changes.stop());
    const registry = new Registry();
    endings.push(collectCacheMetrics({ registry }));
    const store = await opened(storeOn());
    expect(await registry.metrics()).toContain('tiered_cache_server_list_changes_total{store="memcached"} 1');
    expect(changes.of('serversChanged')).toMatchObject([{ store: 'memcached', version, servers: at(0, 1, 2).sort() }]);
    await put(store, 'k', 'v');
    expect(await read(store, 'k')).toBe('v');
    expect(new Set(await Promise.all(store.shards.map(serverOf)))).toEqual(new Set(at(0, 1, 2)));
  });

  it('begins after a wait, since others could be at work elsewhere; who comes later begins at once', async () => {
    const endpoint = await endpointOf(at(0));
    const first = storeOn(endpoint, 'new');
    await first.open();
    await expect(read(first, 'k')).rejects.toThrow(/no server is marked with a list yet/);
    await eventually(() => put(first, 'k', 'v'));
    const second = storeOn(endpoint, 'new');
    await second.open();
    expect(await read(second, 'k')).toBe('v');
  });

  it('changes for all processes, and what lay on a server of the new list before is not there', async () => {
    await onList(0, 1);
    const processes = await Promise.all([opened(storeOn()), opened(storeOn())]);
    const [one, other] = processes;
    for (let index = 0; index < 20; index++) await put(one, `k${index}`, 'of the first list');
    const second = say(at(1, 2));
    for (const store of processes) await isOnVersion(store, second);
    for (let index = 0; index < 20; index++) expect(await read(other, `k${index}`)).toBeUndefined();
    await put(one, 'k0', 'of the second');
    expect(await read(other, 'k0')).toBe('of the second');
    const third = say(at(0, 1));
    for (const store of processes) await isOnVersion(store, third);
    for (let index = 0; index < 20; index++) expect(await read(one, `k${index}`)).toBeUndefined();
  });

  it('is not changed by another order or version of the same servers', async () => {
    await onList(0, 1);
    const store = await opened(storeOn());
    const before = await listOf(store);
    await put(store, 'k', 'v');
    say(at(1, 0));
    const other = await opened(storeOn());
    expect(await read(other, 'k')).toBe('v');
    expect(await listOf(other)).toBe(before);
  });

  it('changes though a server of the old one is dead, which is why it is changed', async () => {
    const dying = await startMemcached();
    endings.push(() => dying.stop());
    await isOnVersion(resident, say([dying.address, ...at(1)]));
    const store = await opened(storeOn());
    await dying.kill();
    await isOnVersion(store, say(at(1, 2)));
    await put(store, 'k', 'v');
    expect(await read(store, 'k')).toBe('v');
  });

  it('goes on when one of its servers has restarted, and keeps what lies on the others', async () => {
    const restarting = await startMemcached();
    endings.push(() => restarting.stop());
    await isOnVersion(resident, say([...at(0), restarting.address]));
    const store = await opened(storeOn());
    for (let index = 0; index < 20; index++) await put(store, `k${index}`, 'v');
    await restarting.restart();
    const values = await eventually(() =>
      Promise.all(Array.from({ length: 20 }, (_, index) => read(store, `k${index}`))),
    );
    expect(new Set(values)).toEqual(new Set(['v', undefined]));
    await onList(0, 1);
  });

  it('is kept while the endpoint is silent, which a fault says', async () => {
    await onList(0, 1);
    const endpoint = await endpointOf(at(0, 1));
    const faults = recordEvents('fault');
    endings.push(() => faults.stop());
    const store = await opened(storeOn(endpoint));
    await put(store, 'k', 'v');
    await endpoint.close();
    await eventually(() => {
      const said = faults.of('fault').filter(({ kind }) => kind === 'degraded');
      expect(said.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/its source does not answer .* It goes on with the list that it has/),
      );
    });
    expect(await eventually(() => read(store, 'k'))).toBe('v');
  });

  it('is gone by while the endpoint is silent only as long as all of its servers stand at it', async () => {
    const dying = await startMemcached();
    endings.push(() => dying.stop());
    const endpoint = await endpointOf([...at(0), dying.address]);
    const store = await opened(storeOn(endpoint, 'another fleet'));
    await endpoint.close();
    await dying.restart();
    await eventually(() => Promise.all(store.shards.map((shard) => shard.readMany(['k']))));
    await dying.kill();
    await eventually(() => expect(store.shards[0].readMany(['k'])).rejects.toThrow(/nobody vouches for its list/));
    await eventually(() => expect(store.shards[1]?.readMany(['k'])).rejects.toThrow(/nobody vouches for its list/));
  });
});

describe('a store that is closed while its source is asked', () => {
  it('connects to nobody whom the source names then', async () => {
    const proxy = await startTcpProxy(servers[0]?.port as number);
    endings.push(() => proxy.close());
    let answer!: (listed: ListedServers) => void;
    const list = jest.fn(() => new Promise<ListedServers>((resolve) => (answer = resolve)));
    const store = memcachedStore({ servers: { discover: { name: 'a slow source', list } }, ...patience });
    endings.push(() => store.close());
    const opening = store.open();
    await eventually(() => expect(list).toHaveBeenCalled());
    await store.close();
    answer({ servers: [proxy.address] });
    await opening;
    expect(proxy.accepted).toBe(0);
  });
});

describe('processes that are told of a new list at different times', () => {
  let fleets = 0;

  /** Each has an endpoint of its own, so that one of them can be told later. */
  async function told(tuning: Tuning = {}) {
    const name = `told ${++fleets}`;
    const early = await endpointOf(at(0));
    const late = await endpointOf(at(0));
    const p = await opened(storeOn(early, name, every, tuning));
    // It does not ask by itself while the test lasts.
    const q = await opened(storeOn(late, name, 60_000, tuning));
    await put(q, 'k', 'old');
    early.says(at(1), version + 1);
    await isOnVersion(p, version + 1);
    return { p, q, late };
  }

  it('never work on two lists: the later one reads and writes nothing until it is told', async () => {
    const { p, q, late } = await told();
    await expect(read(q, 'k')).rejects.toThrow(StoreUnavailableError);
    await expect(q.shardOf('k').remove('k')).rejects.toThrow(StoreUnavailableError);
    await put(p, 'k', 'new');
    late.says(at(1), version + 1);
    await eventually(async () => expect(await read(q, 'k')).toBe('new'));
  });

  it.each<[string, Tuning]>([
    ['nobody asks what list a server stands at', { confirmsList: false }],
    ['the old list is left open', { closesOldList: false }],
  ])('serve what another has invalidated where %s', async (_, off) => {
    const { p, q } = await told(off);
    await p.shardOf('k').remove('k');
    expect(await read(q, 'k')).toBe('old');
  });
});

describe('caches of a fleet whose list changes again and again', () => {
  it('serve nothing that was invalidated before they were asked', async () => {
    await onList(0, 1);
    const caches = await Promise.all(
      [0, 1, 2].map(async () => {
        const cache = await buildCache({ store: storeOn(), coherence: { interval: 50 }, process: false });
        endings.push(() => cache.close());
        return cache;
      }),
    );
    let row = 1;
    let acknowledged = 1;
    let answered = 0;
    let isOver = false;
    const broken: string[] = [];
    const works = caches.map(async (cache, index) => {
      for (let turn = 0; !isOver; turn++) {
        if (turn % 4 === index) {
          const mine = ++row;
          const isAcknowledged = await cache.delete('row');
          if (isAcknowledged) acknowledged = Math.max(acknowledged, mine);
        } else {
          const begun = acknowledged;
          const value = await cache.getOrSet('row', () => Promise.resolve(row), { ttl: '1h' });
          answered++;
          if (value < begun) broken.push(`${value} was served after ${begun} had been invalidated`);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    for (const list of [at(1, 2), at(2), at(0, 1, 2), at(0)]) {
      await isOnVersion(resident, say(list));
      const before = answered;
      await eventually(() => expect(answered).toBeGreaterThan(before + 20));
    }
    isOver = true;
    await Promise.all(works);
    expect(broken).toEqual([]);
    expect(acknowledged).toBeGreaterThan(10);
  });
});

describe('a cache whose list of servers changes', () => {
  const cacheOn = async (process: false | object) => {
    const cache = await buildCache({ store: storeOn(), coherence: { interval: 50 }, process });
    endings.push(() => cache.close());
    return cache;
  };

  it('drops its near copies, so that it hears of what others invalidate on the new list', async () => {
    await onList(0, 1);
    const near = await cacheOn({});
    const other = await cacheOn(false);
    await near.set('k', 'old', { ttl: '1h' });
    expect(near.peek('k')).toBe('old');
    await onList(2);
    await eventually(async () => expect(await other.delete('k')).toBe(true));
    await eventually(() => expect(near.peek('k')).toBeUndefined());
  });

  it('keeps no load that began on the list before', async () => {
    await onList(0, 1);
    const slow = await cacheOn({});
    const other = await cacheOn(false);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const answer = slow.getOrSet('k', () => held.then(() => 'old'), { ttl: '1h' });
    await onList(1, 2);
    await eventually(async () => expect(await other.delete('k')).toBe(true));
    release();
    expect(await answer).toBe('old');
    expect(await other.getOrSet('k', () => Promise.resolve('new'), { ttl: '1h' })).toBe('new');
    await eventually(async () => expect(await slow.get('k')).toBe('new'));
  });
});

describe('other sources', () => {
  it('are names whose addresses are the servers', async () => {
    const { port } = servers[0] as MemcachedProcess;
    const store = memcachedStoreWith(
      { servers: { discover: dnsServers('cache.internal', port), every: 100 }, ...patience },
      { resolve: async (host) => [host === 'cache.internal' ? '127.0.0.1' : host] },
    );
    endings.push(() => store.close());
    await opened(store);
    expect(await serverOf(store.shards[0])).toBe(`127.0.0.1:${port}`);
  });

  it('are said by one text, as an environment variable has it', async () => {
    const endpoint = await endpointOf(at(0));
    const store = memcachedStore({ servers: `config://${endpoint.address}` });
    expect(store.shards[0].name).toBe(`memcached config ${endpoint.address} part 0`);
    expect(memcachedStore({ servers: 'dns://cache.internal:11212' }).shards[0].name).toBe(
      'memcached dns cache.internal:11212 part 0',
    );
    expect(() => memcachedStore({ servers: { discover: {} as never } })).toThrow(/servers.discover: it is no source/);
  });

  it('are read as hosted clusters answer, names first', () => {
    const answer = 'CONFIG cluster 0 60\r\n12\na.example|10.0.0.1|11211 |10.0.0.2|11212 |fd00::1|11211\n\r\nEND\r\n';
    expect(parseConfiguration(answer)).toEqual({
      version: 12,
      servers: ['a.example:11211', '10.0.0.2:11212', '[fd00::1]:11211'],
    });
    for (const odd of ['ERROR\r\n', 'CONFIG cluster 0 3\r\n1\n|||\n\r\nEND\r\n', ''])
      expect(() => parseConfiguration(odd)).toThrow();
  });
});

describe('locks', () => {
  const moving = () => memcachedStore({ servers: 'config://127.0.0.1:1' });

  it('are refused on a store whose keys move', () => {
    expect(() => new CacheLock({ store: moving(), namespace: 'test' })).toThrow(/a lock that is held would be lost/);
  });

  it('are absent beside a cache on such a store, unless they have a store of their own', async () => {
    const cache = { store: moving(), namespace: 'test' } as ResolvedOptions['cache'];
    const locksOf = (lock: ResolvedOptions['lock']) => openLocks({ cache, lock } as ResolvedOptions);
    expect((await locksOf({})).lock).toBeUndefined();
    const { lock } = await locksOf({ store: memoryStore() });
    expect((await lock?.acquire('r'))?.status).toBe('acquired');
    await expect(locksOf({ ttl: '30s' })).rejects.toThrow(/lock.store/);
  });
});

describe('a source of the list', () => {
  it.each([
    ['config://a:11211,b:11211'],
    ['config://a,b'],
    ['dns://a,b'],
    ['dns://a,b:11211'],
    ['dns:///run/memcached.sock'],
  ])('refuses %s: it has one place, and the others were never asked', (servers) => {
    expect(() => memcachedStore({ servers })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        option: 'servers',
        message: expect.stringMatching(/is not one host/),
      }),
    );
  });

  it('may be a configuration endpoint on a socket', () => {
    expect(configEndpoint('/run/endpoint.sock').name).toBe('config /run/endpoint.sock');
  });
});
