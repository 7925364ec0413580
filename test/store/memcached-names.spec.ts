import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { memcachedStoreWith } from '../../src/store/memcached/memcached-store.js';
import type { Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** The loopback network has more than one address. */
async function memcachedAt(hosts: string, port: number): Promise<MemcachedProcess> {
  const server = await startMemcached({ port, hosts });
  endings.push(() => server.stop());
  return server;
}

/** A store whose server is called `cache`, and where that leads. */
function storeAt(port: number, addresses: () => readonly string[], comparesServers = true): Store {
  const store = memcachedStoreWith(
    { servers: `cache:${port}`, ...patience },
    { resolve: async () => addresses(), lookUpEachMs: 20, comparesServers },
  );
  endings.push(() => store.close());
  return store;
}

function recordFaults() {
  const faults = recordEvents('fault');
  endings.push(() => faults.stop());
  return () => faults.of('fault').map(({ kind, message }) => [kind, message]);
}

const one = '127.0.0.1';
const other = '127.0.0.2';

describe('a name that stands for two servers', () => {
  /** Two processes are given its addresses in different orders, as resolvers do it. */
  async function twoProcesses(comparesServers: boolean) {
    const port = await freePort();
    const servers = [await memcachedAt(one, port), await memcachedAt(other, port)];
    // One of them stands still while the first is asked: each process finds the other one.
    const meet = async (store: Store, silent: MemcachedProcess | undefined): Promise<Store> => {
      silent?.pause();
      await store.shards[0].readMany(['a']).catch(() => {});
      silent?.resume();
      return store;
    };
    const p = await meet(
      storeAt(port, () => [one, other], comparesServers),
      servers[1],
    );
    const q = await meet(
      storeAt(port, () => [other, one], comparesServers),
      servers[0],
    );
    return { p, q };
  }

  it('T9 is found out, refused and named, whichever address answers first', async () => {
    const faults = recordFaults();
    const { p, q } = await twoProcesses(true);
    for (const store of [p, q]) {
      await eventually(() =>
        expect(store.shards[0].write('k', Buffer.from('1'), forever)).rejects.toThrow(/several servers/),
      );
    }
    expect(faults().filter(([kind]) => kind === 'unsuitable')).toEqual([
      ['unsuitable', expect.stringMatching(/127\.0\.0\.1 and 127\.0\.0\.2|127\.0\.0\.2 and 127\.0\.0\.1/)],
      ['unsuitable', expect.stringContaining('Name each server')],
    ]);
  });

  it('T9 is refused at once where both answer', async () => {
    const port = await freePort();
    const servers = [await memcachedAt(one, port), await memcachedAt(other, port)];
    const store = storeAt(port, () => [one, other]);
    await eventually(() =>
      expect(store.shards[0].write('k', Buffer.from('1'), forever)).rejects.toThrow(/several servers/),
    );
    const locks = new CacheLock({ store, namespace: 'test' });
    expect(await locks.acquire('a')).toMatchObject({ status: 'unavailable' });
    for (const server of servers) expect(await server.command('mg k v')).toBe('EN');
  });

  it('T9 keeps no connection to any of them, however many there are', async () => {
    const port = await freePort();
    const hosts = [one, other, '127.0.0.3', '127.0.0.4'];
    const servers = await Promise.all(hosts.map((host) => memcachedAt(host, port)));
    const connections = (): Promise<number[]> =>
      Promise.all(servers.map(async (server) => Number((await server.stats())['curr_connections'])));
    const store = storeAt(port, () => hosts);
    await eventually(() => expect(store.shards[0].readMany(['a'])).rejects.toThrow(/several servers/));
    // That of whoever counts.
    await eventually(async () => expect(await connections()).toEqual([1, 1, 1, 1]));
  });

  it('T9 keeps what was removed, and gives a lock twice, where they are not compared', async () => {
    const { p, q } = await twoProcesses(false);
    await p.shards[0].write('k', Buffer.from('old'), forever);
    expect(await q.shards[0].remove('k')).toBe('absent');
    expect((await p.shards[0].readMany(['k']))[0]?.bytes.toString()).toBe('old');
    const acquired = await Promise.all(
      [p, q].map((store) => new CacheLock({ store, namespace: 'test' }).acquire('a', { ttl: '5s' })),
    );
    expect(acquired.map(({ status }) => status)).toEqual(['acquired', 'acquired']);
    for (const outcome of acquired) if (outcome.status === 'acquired') await outcome.lease.release();
  });
});

describe('one server behind several addresses', () => {
  it('T9 is used, and nothing is said', async () => {
    const faults = recordFaults();
    const port = await freePort();
    const server = await memcachedAt(`${one},${other}`, port);
    const store = storeAt(port, () => [other, one]);
    await store.shards[0].write('k', Buffer.from('1'), forever);
    // It was looked up again and again, and compared.
    await eventually(async () => expect(Number((await server.stats())['total_connections'])).toBeGreaterThan(8));
    expect((await store.shards[0].readMany(['k']))[0]?.bytes.toString()).toBe('1');
    expect(faults()).toEqual([]);
  });

  it('T9 is reached through the second where the first is silent', async () => {
    const port = await freePort();
    const silent = await memcachedAt(one, port);
    await memcachedAt(other, port);
    silent.pause();
    const store = storeAt(port, () => [one, other]);
    const startedAt = performance.now();
    expect((await store.shards[0].write('k', Buffer.from('1'), forever)).status).toBe('stored');
    expect(performance.now() - startedAt).toBeLessThan(patience.connectTimeout);
    silent.resume();
  });
});

describe('a name that comes to lead elsewhere', () => {
  it('T9 is followed within a look-up, and the server that was left and still runs is named', async () => {
    const faults = recordFaults();
    const port = await freePort();
    const former = await memcachedAt(one, port);
    const next = await memcachedAt(other, port);
    let address = one;
    const store = storeAt(port, () => [address]);
    await store.shards[0].write('k', Buffer.from('1'), forever);
    address = other;
    await eventually(async () => {
      await store.shards[0].write('k', Buffer.from('2'), forever);
      expect(await next.command('mg k v')).toBe('VA 1\r\n2');
    });
    expect(faults()).toContainEqual([
      'degraded',
      expect.stringMatching(/leads to 127\.0\.0\.2 now.*127\.0\.0\.1 still runs/),
    ]);
    expect(await former.command('mg k v')).toMatch(/^VA 1/);
  });

  it('T9 is refused where it comes back while both run: it stands for both', async () => {
    const port = await freePort();
    await memcachedAt(one, port);
    const next = await memcachedAt(other, port);
    let address = one;
    const store = storeAt(port, () => [address]);
    await store.shards[0].readMany(['a']);
    address = other;
    await eventually(async () => {
      await store.shards[0].write('k', Buffer.from('2'), forever);
      expect(await next.command('mg k v')).toBe('VA 1\r\n2');
    });
    address = one;
    await eventually(() => expect(store.shards[0].readMany(['a'])).rejects.toThrow(/several servers/));
  });

  it('T9 goes on where it is connected while names cannot be resolved', async () => {
    const port = await freePort();
    await memcachedAt(one, port);
    let isResolved = true;
    let asked = 0;
    const store = storeAt(port, () => {
      asked++;
      if (!isResolved) throw new Error('ENOTFOUND');
      return [one];
    });
    await store.shards[0].write('k', Buffer.from('1'), forever);
    isResolved = false;
    const before = asked;
    await eventually(() => expect(asked).toBeGreaterThan(before + 2));
    expect((await store.shards[0].readMany(['k']))[0]?.bytes.toString()).toBe('1');
  });
});
