import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { onCacheEvent } from '../../src/value/events.js';
import { buildCache } from '../support/build-cache.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { logRead } from '../support/log-read.js';
import { startMemcached } from '../support/memcached-process.js';
import { startRedis } from '../support/redis-process.js';
import { patience } from '../support/patience.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

const endurance = process.env['ENDURANCE'] === '1';
/** Of what the scenario asks for. */
const share = endurance ? 1 : 0.02;
const deletes = 12_000 * share;
const sets = 30_000 * share;
const tags = 25_000 * share;
const many = 50_000 * share;
/** More are loaded in turns. */
const keysPerLoad = 10_000;
const keys = (name: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${name}:${index}`);

interface Place {
  readonly connect: () => Store;
  /** How other processes get there, and to another one of the kind where nothing goes on; undefined: they can't. */
  readonly shared?: { readonly busy: object; readonly quiet: object };
  readonly remove: () => unknown;
}

const places: Record<'memory' | 'disk' | 'memcached' | 'redis', () => Promise<Place>> = {
  async memory() {
    const store = memoryStore();
    return { connect: () => store, remove: () => {} };
  },
  async disk() {
    const { path: directory, remove } = diskDirectory();
    const other = diskDirectory();
    return {
      connect: () => new DiskStore({ directory }, { deadlineMs: 10_000, openWithinMs: 20_000 }),
      shared: { busy: { directory }, quiet: { directory: other.path } },
      remove: () => {
        for (const each of [remove, other.remove]) each();
      },
    };
  },
  async memcached() {
    const [server, other] = await Promise.all([startMemcached(), startMemcached()]);
    const servers = server.address;
    return {
      connect: () => memcachedStore({ servers, ...patience }),
      shared: { busy: { servers }, quiet: { servers: other.address } },
      remove: () => Promise.all([server.stop(), other.stop()]),
    };
  },
  async redis() {
    const [server, other] = await Promise.all([startRedis(), startRedis()]);
    const { url } = server;
    return {
      connect: () => redisStore({ url, ...patience }),
      shared: { busy: { url }, quiet: { url: other.url } },
      remove: () => Promise.all([server.stop(), other.stop()]),
    };
  },
};

describe.each(['memory', 'disk', 'memcached', 'redis'] as const)('far more at once than fits, on %s', (name) => {
  let place: Place;
  let cache: TieredCache;
  let other: TieredCache;
  let bystanders: readonly WorkerProcess[];
  let trouble: string[];
  let listening: (() => void)[];
  beforeAll(async () => {
    trouble = [];
    place = await places[name]();
    const store = place.connect();
    // A worker of Jest runs many files, and what they left behind is heard here as well.
    const own = new Set(['busy', 'other', ...store.shards.map((shard) => shard.name)]);
    const note = (source: string, text: string): void => void (own.has(source) && trouble.push(text));
    listening = [
      onCacheEvent('fault', ({ source, kind, message }) => note(source, `${kind} ${message}`)),
      onCacheEvent('breaker', ({ shard, state }) => note(shard, state)),
      onCacheEvent('nearCleared', ({ cache, reason }) => note(cache, `cleared: ${reason}`)),
    ];
    cache = await buildCache({ name: 'busy', store, process: { maxEntries: 200_000 } });
    other = await buildCache({ name: 'other', store: place.connect() });
    const worker = new URL('./support/bystander-worker.ts', import.meta.url);
    const { shared } = place;
    bystanders = shared ? await Promise.all([shared.busy, shared.quiet].map((data) => startWorker(worker, data))) : [];
  });
  afterAll(async () => {
    for (const stop of listening) stop();
    await Promise.all(bystanders.map((bystander) => bystander.stop()));
    await Promise.all([cache.close(), other.close()]);
    await place.remove();
  });

  const slowest = (): Promise<number[]> => Promise.all(bystanders.map((bystander) => bystander.call<number>('p99')));

  /**
   * Beside look-ups of another process. They take no longer than three times what they took before, or what those take meanwhile which share nothing with
   * this work but the machine.
   */
  async function beside<R>(work: () => Promise<R>): Promise<R> {
    const [usual = 0] = await slowest();
    const done = await work();
    const [busy = 0, quiet = 0] = await slowest();
    if (endurance && bystanders.length > 0)
      console.log(`p99 on ${name}: ${[usual, busy, quiet].map((ms) => ms.toFixed(1)).join(', ')} ms`);
    expectInQuiet(busy, Math.max(3 * usual, 3 * quiet, 50));
    return done;
  }

  it('T7 is acknowledged, call by call', async () => {
    await other.getOrSet('stays', () => 1, { ttl: '1h' });
    const written = await beside(() => Promise.all(keys('set', sets).map((key) => cache.set(key, 1))));
    expect(written.filter((isStored) => !isStored)).toEqual([]);
    const deleted = await beside(() => Promise.all(keys('set', deletes).map((key) => cache.delete(key))));
    expect(deleted.filter((isDeleted) => !isDeleted)).toEqual([]);
    expect(await beside(() => cache.invalidateTags(...keys('tag', tags)))).toBe(true);
    expect(trouble).toEqual([]);
  }, 240_000);

  it('T7 is acknowledged as one call, loaded in few, and what nobody named stays near', async () => {
    const all = keys('many', many);
    let loads = 0;
    const load = (missing: readonly string[]): [string, number][] => {
      loads++;
      return missing.map((key) => [key, 1]);
    };
    expect(await beside(() => cache.getOrSetMany<number, string>(all, load, { ttl: '1h' }))).toHaveLength(many);
    expect(loads).toBe(Math.ceil(many / keysPerLoad));
    expect(await beside(() => cache.setMany(all.map((key) => [key, 2, { ttl: '1h' }])))).toBe(true);
    expect(await cache.getMany(all.slice(-3))).toMatchObject([{ value: 2 }, { value: 2 }, { value: 2 }]);
    expect(await beside(() => cache.deleteMany(all))).toBe(true);
    expect((await cache.getMany(all)).filter(({ hit }) => hit)).toEqual([]);
    await logRead('other');
    // A process that was kept from running believes nothing until it has read the feed again.
    await eventually(() => expect(other.peek('stays')).toBe(1));
    expect(trouble).toEqual([]);
  }, 240_000);

  it('keeps what is set after a delete of many keys that nobody has waited for', async () => {
    const all = keys('later', 1_200);
    const [first = '', , ...others] = all;
    expect(await cache.setMany(all.map((key) => [key, 1, { ttl: '1h' }]))).toBe(true);
    const deleted = cache.deleteMany(all);
    expect(await cache.set(first, 2, { ttl: '1h' })).toBe(true);
    expect(await deleted).toBe(true);
    await logRead('other');
    for (const reader of [cache, other]) {
      expect(await reader.get(first)).toBe(2);
      expect((await reader.getMany(others)).filter(({ hit }) => hit)).toEqual([]);
    }
  });
});
