import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import { patience } from '../support/patience.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function opened(...given: Parameters<typeof buildCache>): Promise<TieredCache> {
  const cache = await buildCache(...given);
  endings.push(() => cache.close());
  return cache;
}

describe.each(storePlaceNames)('a bulk of two processes on %s', (storeName) => {
  it('F8 keeps what upstream does not know as a negative answer, if asked, and else gives the right to load it back', async () => {
    const place = await storePlaces[storeName]();
    endings.push(() => place.remove());
    const here = await opened({ store: place.connect() });
    const there = await opened({ store: place.connect() });
    const asked: string[][] = [];
    const load = (keys: readonly string[]): [string, string][] => {
      asked.push([...keys]);
      return keys.filter((key) => key.startsWith('known')).map((key) => [key, `value of ${key}`]);
    };
    const negative = { ttl: 60_000, negative: { ttl: 60_000 } };
    const keys = ['none', 'known', 'none'];
    expect(await here.getOrSetMany(keys, load, negative)).toEqual([null, 'value of known', null]);
    expect(await there.getOrSetMany(keys, load, negative)).toEqual([null, 'value of known', null]);
    expect(asked.splice(0)).toEqual([['none', 'known']]);

    expect(await here.getOrSetMany(['left out', 'known'], load)).toEqual([undefined, 'value of known']);
    expect(await there.getOrSetMany(['left out'], load)).toEqual([undefined]);
    expect(asked).toEqual([['left out'], ['left out']]);
  });
});

/** Passes everything on to memcached, and keeps what each write of the client carried. */
async function startListener(port: number): Promise<{ address: string; writes: string[] }> {
  const writes: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (chunk: Buffer) => {
      writes.push(chunk.toString('latin1'));
      upstream.write(chunk);
    });
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, writes };
}

describe('what is asked in one tick', () => {
  it('goes down as one write per server: look-ups, loads and sets', async () => {
    const server = await startMemcached();
    endings.push(() => server.stop());
    const listener = await startListener(server.port);
    const store = memcachedStore({ servers: listener.address, ...patience });
    const cache = await opened({ store, process: false, coherence: { interval: '1m' } });
    const keys = Array.from({ length: 40 }, (_, index) => `tick${index}`);
    await cache.get('the log is read');
    /** Writes with commands about these keys, and how many keys each names. */
    const sent = (): number[] => {
      const counts = listener.writes.splice(0).map((write) => write.match(/^m[gs] \S*:tick\d+ /gm)?.length ?? 0);
      return counts.filter((count) => count > 0);
    };
    sent();
    expect(await Promise.all(keys.map((key) => cache.set(key, key)))).toEqual(keys.map(() => true));
    expect(sent()).toEqual([40]);
    const found = await Promise.all(keys.map((key) => cache.getOrSet(key, () => 'loaded')));
    expect(found).toEqual(keys);
    expect(sent()).toEqual([40]);
    await Promise.all(keys.map((key) => cache.get(key)));
    expect(sent()).toEqual([40]);
    // One after the other they are as many writes.
    for (const key of keys.slice(0, 5)) await cache.get(key);
    expect(sent()).toEqual([1, 1, 1, 1, 1]);
  });

  it('a bulk reads by one write, and stores all that it loaded by one more', async () => {
    const server = await startMemcached();
    endings.push(() => server.stop());
    const listener = await startListener(server.port);
    const store = memcachedStore({ servers: listener.address, ...patience });
    const cache = await opened({ store, process: false, coherence: { interval: '1m' } });
    const keys = Array.from({ length: 40 }, (_, index) => `bulk${index}`);
    for (const key of keys.slice(0, 10)) await cache.set(key, `value of ${key}`);
    listener.writes.length = 0;
    const load = (missing: readonly string[]): [string, string][] => missing.map((key) => [key, `value of ${key}`]);
    const values = keys.map((key) => `value of ${key}`);
    expect(await cache.getOrSetMany(keys, load, { ttl: '1h' })).toEqual(values);
    const counts = listener.writes.map((write) => write.match(/^m[gs] \S*:bulk\d+ /gm)?.length ?? 0);
    expect(counts.filter((count) => count > 0)).toEqual([40, 30]);
    expect(await cache.getOrSetMany(keys, () => [], { ttl: '1h' })).toEqual(values);
  });
});

describe('look-ups that join a bulk', () => {
  const gated = () => {
    let open!: (outcome: 'well' | 'badly') => void;
    const outcome = new Promise<'well' | 'badly'>((resolve) => (open = resolve));
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let loads = 0;
    const load = async (keys: readonly string[]): Promise<[string, string][]> => {
      loads++;
      begin();
      if ((await outcome) === 'badly') throw new Error('source down');
      return keys.map((key) => [key, `value of ${key}`]);
    };
    return { load, open, begun, loads: () => loads };
  };
  const never = (): never => {
    throw new Error('it was loaded again');
  };

  it('are given what it loads, each by its own deadline and signal', async () => {
    const cache = await opened();
    const { load, open, begun, loads } = gated();
    const bulk = cache.getOrSetMany(['a', 'b', 'c'], load);
    await begun;
    const single = cache.getOrSet('a', never);
    const leaving = new AbortController();
    const leaver = cache.getOrSet('b', never, { signal: leaving.signal });
    const late = cache.getOrSetMany(['b', 'c'], never);
    leaving.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    await expect(cache.getOrSet('c', never, { timeout: { hard: 20 } })).rejects.toThrow(/20 ms/);
    open('well');
    expect(await bulk).toEqual(['value of a', 'value of b', 'value of c']);
    expect(await single).toBe('value of a');
    expect(await late).toEqual(['value of b', 'value of c']);
    expect(loads()).toBe(1);
  });

  it('are told of its error, and so is the bulk itself', async () => {
    const cache = await opened();
    const { load, open, begun } = gated();
    const bulk = cache.getOrSetMany(['a', 'b'], load);
    await begun;
    const all = [bulk, cache.getOrSet('a', never), cache.getOrSetMany(['b'], never)];
    open('badly');
    for (const outcome of await Promise.allSettled(all)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'source down' } });
    }
  });
});
