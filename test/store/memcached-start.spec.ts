import { afterEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { MemcachedStoreOptions } from '../../src/store/memcached/memcached-store.js';
import type { MemcachedShard } from '../../src/store/memcached/memcached-shard.js';
import type { Store } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { greeting, startFakeServer } from '../support/fake-server.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { startMemcached } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { startWorker } from '../support/worker-process.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function ending<T>(thing: T, end: (thing: T) => unknown): T {
  endings.push(() => end(thing));
  return thing;
}

const memcached = async (args: string[] = []) => ending(await startMemcached({ args }), (server) => server.stop());
const fake = async (...given: Parameters<typeof startFakeServer>) =>
  ending(await startFakeServer(...given), (server) => server.close());
const storeOf = (servers: string, options: Partial<MemcachedStoreOptions> = {}): Store =>
  ending(memcachedStore({ servers, ...options }), (store) => store.close());

async function openingTakesMs(store: Store): Promise<number> {
  const startedAt = performance.now();
  await store.open();
  return performance.now() - startedAt;
}

describe('a server that is down when the store opens', () => {
  it('S4 is a degraded start, and joins by itself when it appears', async () => {
    const server = await memcached();
    await server.kill();
    const store = storeOf(server.address);
    expectInQuiet(await openingTakesMs(store), 2_000);
    await expect(store.shards[0].readMany(['a'])).rejects.toThrow(StoreUnavailableError);
    await server.start();
    const outcome = await eventually(() => store.shards[0].write('a', Buffer.from('1'), forever));
    expect(outcome.status).toBe('stored');
  });

  it('S4 is found out within the connect deadline when it swallows everything', async () => {
    const proxy = ending(await startTcpProxy((await memcached()).port), (each) => each.close());
    proxy.blackhole(true);
    const store = storeOf(proxy.address);
    expectInQuiet(await openingTakesMs(store), 2_000);
    await expect(store.shards[0].readMany(['a'])).rejects.toThrow(/within 250 ms/);
    proxy.blackhole(false);
    await eventually(() => store.shards[0].readMany(['a']));
  });

  it('does not hold back the others', async () => {
    const [up, down] = [await memcached(), await memcached()];
    await down.kill();
    const store = storeOf(`${up.address},${down.address}`, patience);
    await store.open();
    const shard = store.shards.find(({ name }) => name.endsWith(up.address));
    expect((await shard?.write('a', Buffer.from('1'), forever))?.status).toBe('stored');
  });

  it('is not asked by every operation: for a while after a failure they are refused at once', async () => {
    const server = await fake(() => undefined);
    const store = storeOf(server.address, { connectTimeout: 30 });
    await store.open();
    const until = performance.now() + 1_000;
    let operations = 0;
    while (performance.now() < until) {
      await store.shards[0].readMany(['a']).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 2));
      operations++;
    }
    // 30 ms of waiting and pauses of 20, 40, 80, 160, 320 and 500 ms: six or seven attempts in a second, fewer on a busy machine.
    expect(server.accepted).toBeLessThanOrEqual(8);
    expect(server.accepted).toBeGreaterThanOrEqual(2);
    expect(operations).toBeGreaterThan(server.accepted);
  });
});

describe('a version', () => {
  it.each(['1.6.17', '1.5.22', '1.4.39', '0.9.99', 'nonsense', ''])(
    'S4 %j is too old: said once, and left alone',
    async (version) => {
      const faults = ending(recordEvents('fault'), (each) => each.stop());
      const server = await fake(greeting(version, () => 'HD\r\n'));
      const store = storeOf(server.address, patience);
      await store.open();
      for (let index = 0; index < 20; index++) {
        await expect(store.shards[0].readMany(['a'])).rejects.toThrow(/older than 1\.6\.18/);
        await expect(store.shards[0].write('a', Buffer.from('1'), forever)).rejects.toThrow(StoreUnavailableError);
      }
      expect(server.accepted).toBe(1);
      expect(faults.of('fault').map(({ kind, source }) => [kind, source])).toEqual([
        ['too-old', `memcached ${server.address}`],
      ]);
      // Opened again, it is looked at again, but not reported again.
      await store.open();
      expect(server.accepted).toBe(2);
      expect(faults.all).toHaveLength(1);
    },
  );

  it.each(['1.6.18', '1.6.39', '1.7.0', '2.0.0', '1.6.18-rc1'])('%s will do', async (version) => {
    const server = await fake(greeting(version, (line) => `EN ${line.split(' ').at(-1)}\r\n`));
    const store = storeOf(server.address, patience);
    await store.open();
    expect(await store.shards[0].readMany(['a'])).toEqual([undefined]);
  });
});

describe('what the server says of itself', () => {
  it.each([
    [[], true],
    [['-M'], false],
  ])('started with %j, it evicts: %p', async (args, evicts) => {
    const store = storeOf((await memcached(args)).address, patience);
    expect(await (store.shards[0] as MemcachedShard).evicts()).toBe(evicts);
  });
});

describe('closing', () => {
  it('ends an attempt to connect, and what waits for it', async () => {
    const server = await fake(() => undefined);
    const store = storeOf(server.address, { connectTimeout: 10_000 });
    const opening = store.open();
    const waiting = expect(store.shards[0].readMany(['a'])).rejects.toThrow(StoreUnavailableError);
    await eventually(() => expect(server.accepted).toBe(1));
    await store.close();
    await waiting;
    await opening;
  });

  it('can be undone', async () => {
    const store = storeOf((await memcached()).address, patience);
    await store.open();
    await store.close();
    await expect(store.shards[0].readMany(['a'])).rejects.toThrow(StoreUnavailableError);
    await store.open();
    expect(await store.shards[0].readMany(['a'])).toEqual([undefined]);
  });

  it('leaves no socket and no timer behind: after 100 stores the process ends by itself', async () => {
    const server = await memcached();
    const worker = await startWorker(new URL('./memcached-cycles-worker.ts', import.meta.url), server.address);
    ending(worker, (each) => each.kill());
    expect(await worker.call('cycles', 100)).toEqual([]);
    expect(await worker.stop()).toBe('0');
    // The one that asks.
    await eventually(async () => expect((await server.stats())['curr_connections']).toBe('1'));
    expect(Number((await server.stats())['total_connections'])).toBeGreaterThan(100);
  });
});
