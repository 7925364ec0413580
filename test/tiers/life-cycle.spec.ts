import { afterEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { startMemcached } from '../support/memcached-process.js';
import { startRedis } from '../support/redis-process.js';
import { storePlaceNames } from '../support/store-places.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

/** A server, and the store that a cache has of it. */
interface CacheServer {
  readonly store: () => Store;
  readonly start: () => Promise<{
    readonly stop: () => Promise<void>;
    readonly pause: () => void;
    readonly resume: () => void;
  }>;
}

const servers: Readonly<Record<'memcached' | 'redis', (port: number) => CacheServer>> = {
  memcached: (port) => ({
    store: () => memcachedStore({ servers: `127.0.0.1:${port}` }),
    start: () => startMemcached({ port }),
  }),
  redis: (port) => ({
    store: () => redisStore({ url: `redis://127.0.0.1:${port}` }),
    start: () => startRedis({ port }),
  }),
};

const endurance = process.env['ENDURANCE'] === '1';
const cycles = endurance ? 100 : 25;
const applications = endurance ? 100 : 10;
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

describe.each(['memcached', 'redis'] as const)('a cache on %s', (name) => {
  it('S4 opens within two seconds without its server, serves, and takes it up when it appears', async () => {
    const { store, start } = servers[name](await freePort());
    const startedAt = performance.now();
    const cache = await buildCache({ store: store(), coherence: { interval: 100 } });
    expectInQuiet(performance.now() - startedAt, 2_000);
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expect(await cache.set('b', 1)).toBe(false);
    const server = await start();
    endings.push(() => server.stop());
    await eventually(async () => expect(await cache.set('c', 1)).toBe(true));
    const other = await buildCache({ store: store() });
    expect(await other.get('c')).toBe(1);
    await Promise.all([cache.close(), other.close()]);
  });

  it('S4 opens within two seconds when its server accepts and does not answer', async () => {
    const { store, start } = servers[name](await freePort());
    const server = await start();
    endings.push(() => server.stop());
    server.pause();
    const startedAt = performance.now();
    const cache = await buildCache({ store: store(), coherence: { interval: 100 } });
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expectInQuiet(performance.now() - startedAt, 2_000);
    server.resume();
    await eventually(async () => expect(await cache.set('c', 1)).toBe(true));
    await cache.close();
  });
});

describe('a process', () => {
  async function lives(program: string): Promise<{ worker: WorkerProcess; connections: () => Promise<string[]> }> {
    const [memcached, redis] = await Promise.all([startMemcached(), startRedis()]);
    const { path, remove } = diskDirectory();
    endings.push(
      () => memcached.stop(),
      () => redis.stop(),
      async () => remove(),
    );
    const data = { directory: path, servers: memcached.address, url: redis.url };
    const worker = await startWorker(new URL(`../support/workers/${program}.ts`, import.meta.url), data);
    const connections = async (): Promise<string[]> => [
      (await memcached.stats())['curr_connections'] ?? '',
      (await redis.info('clients'))['connected_clients'] ?? '',
    ];
    return { worker, connections };
  }

  it(`S5 in an application that is started and closed ${applications} times leaves nothing behind, on each store`, async () => {
    const { worker, connections } = await lives('module-cycle-worker');
    for (const store of storePlaceNames) {
      await worker.call('cycles', store, 1); // what Node opens once, such as its threads
      const told = await worker.call<{ before: string[]; after: string[]; unhandled: string[]; answered: number }>(
        'cycles',
        store,
        applications,
      );
      expect({ store, left: told.after }).toEqual({ store, left: told.before });
      expect(told.unhandled).toEqual([]);
      expect(told.answered).toBe(applications + 1); // the store outlived them all
    }
    expect(await worker.stop()).toBe('0');
    // Those that ask are the only ones left.
    await eventually(async () => expect(await connections()).toEqual(['1', '1']));
  });

  it(`S5 leaves nothing behind after ${cycles} lives on each store, and lets its process end`, async () => {
    const { worker, connections } = await lives('cycle-worker');
    for (const store of storePlaceNames) {
      const { before, after, unhandled } = await worker.call<{
        before: string[];
        after: string[];
        unhandled: string[];
      }>('cycles', store, cycles);
      expect({ store, left: after.length - before.length }).toEqual({ store, left: 0 });
      expect(unhandled).toEqual([]);
    }
    expect(await worker.stop()).toBe('0');
    // Those that ask are the only ones left.
    await eventually(async () => expect(await connections()).toEqual(['1', '1']));
  });
});
