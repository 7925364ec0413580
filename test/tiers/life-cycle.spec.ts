import { afterEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { buildCache } from '../support/build-cache.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { startWorker } from '../support/worker-process.js';

const endurance = process.env['ENDURANCE'] === '1';
const cycles = endurance ? 100 : 25;
const applications = endurance ? 100 : 10;
let server: MemcachedProcess | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

describe('a cache', () => {
  it('S4 opens within two seconds without its memcached, serves, and takes it up when it appears', async () => {
    const port = await freePort();
    const startedAt = performance.now();
    const cache = await buildCache({
      store: memcachedStore({ servers: `127.0.0.1:${port}` }),
      coherence: { interval: 100 },
    });
    expectInQuiet(performance.now() - startedAt, 2_000);
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expect(await cache.set('b', 1)).toBe(false);
    server = await startMemcached({ port });
    await eventually(async () => expect(await cache.set('c', 1)).toBe(true));
    const other = await buildCache({ store: memcachedStore({ servers: server.address }) });
    expect(await other.get('c')).toBe(1);
    await Promise.all([cache.close(), other.close()]);
  }, 30_000);

  it('S4 opens within two seconds when memcached accepts and does not answer', async () => {
    server = await startMemcached();
    server.pause();
    const startedAt = performance.now();
    const cache = await buildCache({
      store: memcachedStore({ servers: server.address }),
      coherence: { interval: 100 },
    });
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expectInQuiet(performance.now() - startedAt, 2_000);
    server.resume();
    await eventually(async () => expect(await cache.set('c', 1)).toBe(true));
    await cache.close();
  }, 30_000);

  it(`S5 in an application that is started and closed ${applications} times leaves nothing behind, on each store`, async () => {
    server = await startMemcached();
    const { path, remove } = diskDirectory();
    const data = { directory: path, servers: server.address };
    const file = new URL('../support/workers/module-cycle-worker.ts', import.meta.url);
    const worker = await startWorker(file, data);
    for (const store of ['memory', 'disk', 'memcached']) {
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
    await eventually(async () => expect((await server?.stats())?.['curr_connections']).toBe('1'));
    remove();
  }, 120_000);

  it(`S5 leaves nothing behind after ${cycles} lives on each store, and lets its process end`, async () => {
    server = await startMemcached();
    const { path, remove } = diskDirectory();
    const worker = await startWorker(new URL('../support/workers/cycle-worker.ts', import.meta.url), {
      directory: path,
      servers: server.address,
    });
    for (const store of ['memory', 'disk', 'memcached']) {
      const { before, after, unhandled } = await worker.call<{
        before: string[];
        after: string[];
        unhandled: string[];
      }>('cycles', store, cycles);
      expect({ store, left: after.length - before.length }).toEqual({ store, left: 0 });
      expect(unhandled).toEqual([]);
    }
    expect(await worker.stop()).toBe('0');
    // The connection that asks is the only one left.
    await eventually(async () => expect((await server?.stats())?.['curr_connections']).toBe('1'));
    remove();
  }, 120_000);
});
