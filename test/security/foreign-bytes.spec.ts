import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { guarded } from '../../src/origin/guarded-store.js';
import { sealItem } from '../../src/store/redis/redis-item.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { patience } from '../support/patience.js';

/** What a program that is no cache of ours leaves under one of its keys. */
const foreign: Readonly<Record<string, (server: RedisProcess, key: string) => Promise<unknown>>> = {
  'a text': (server, key) => server.command('SET', key, 'hello'),
  'nothing but a name': (server, key) => server.command('SET', key, ''),
  'dashes, which look like a number': (server, key) => server.command('SET', key, '1-2'),
  'a negative number': (server, key) => server.command('SET', key, '-5'),
  'a number with zeros before it': (server, key) => server.command('SET', key, '0012'),
  'half an item': async (server, key) => server.command('SET', key, sealItem(key, 7n, Buffer.from('v')).subarray(0, 9)),
  'the item of another key': (server, key) => server.command('SET', key, sealItem('b', 7n, Buffer.from('v'))),
  '4 MB': (server, key) => server.command('SET', key, Buffer.alloc(4_000_000, 'x')),
  'a list': (server, key) => server.command('RPUSH', key, 'x'),
  'a hash': (server, key) => server.command('HSET', key, 'x', 'y'),
};
const kinds = Object.keys(foreign);
const leave = (kind: string, key: string): Promise<unknown> => foreign[kind]!(server, key);

let server: RedisProcess;
let cache: TieredCache;
let other: TieredCache;
let namespace: string;
let tests = 0;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());
beforeEach(async () => {
  await server.command('FLUSHALL');
  namespace = `test${++tests}`;
  const open = (): Promise<TieredCache> =>
    buildCache({ store: redisStore({ url: server.url, ...patience }), namespace, process: false });
  [cache, other] = [await open(), await open()];
});
afterEach(async () => {
  await Promise.all([cache.close(), other.close()]);
});

const connections = async (): Promise<number> => Number((await server.info('stats'))['total_connections_received']);

describe.each(kinds)('under a key of ours: %s', (kind) => {
  it('is a miss and a fault, and costs nobody else anything', async () => {
    const others = Array.from({ length: 20 }, (_, index) => `other:${index}`);
    for (const key of others) await cache.set(key, key);
    await leave(kind, cache.storeKey('a'));
    const before = await connections();
    const events = recordEvents('fault', 'breaker');
    const asked = [...others.slice(0, 10), 'a', ...others.slice(10)].map((key) =>
      cache.getOrSet(key, () => `loaded ${key}`),
    );
    expect(await Promise.all(asked)).toEqual([...others.slice(0, 10), 'loaded a', ...others.slice(10)]);
    expect(events.of('fault').map(({ kind: fault, key }) => `${fault} ${key}`)).toEqual(['undecodable a']);
    expect(events.of('breaker')).toEqual([]);
    events.stop();
    // It was replaced.
    expect(await other.get('a')).toBe('loaded a');
    expect(await connections()).toBe(before);
  });

  it('is a miss to those who only look, however many and however often', async () => {
    await cache.set('b', 'b');
    await leave(kind, cache.storeKey('a'));
    const before = await connections();
    const events = recordEvents('breaker');
    for (let time = 0; time < 8; time++) {
      const found = await Promise.all([cache.get('a'), cache.getMany(['b', 'a', 'b']), cache.get('b'), cache.has('a')]);
      expect(found).toMatchObject([undefined, [{ value: 'b' }, { hit: false }, { value: 'b' }], 'b', false]);
    }
    expect(events.of('breaker')).toEqual([]);
    events.stop();
    expect(await connections()).toBe(before);
  });

  it('goes when it is deleted, set, set if absent or updated', async () => {
    for (const replace of [
      () => cache.delete('a'),
      () => cache.set('a', 'new'),
      () => cache.setIfAbsent('a', 'new'),
      () => cache.update('a', () => 'new'),
    ]) {
      await server.command('DEL', cache.storeKey('a'));
      await leave(kind, cache.storeKey('a'));
      expect(await replace()).not.toBe(false);
      expect(await other.getOrSet('a', () => 'new')).toBe('new');
      expect(await cache.get('a')).toBe('new');
    }
  });

  it('stops no tag, no clearing and no invalidation', async () => {
    let rows = 0;
    const load = (by: TieredCache): Promise<number> => by.getOrSet('a', () => ++rows, { tags: ['t'] });
    await load(cache);
    const keys = ((await server.command('KEYS', '*')) as Buffer[]).map(String);
    const bookkeeping = keys.filter((key) => key !== cache.storeKey('a'));
    // The list of versions, the tag's counter, the feed's place, its segment, and who answered.
    expect(bookkeeping.length).toBeGreaterThanOrEqual(5);
    for (const key of bookkeeping) {
      await server.command('DEL', key);
      await leave(kind, key);
      expect({ key, done: await cache.invalidateTags('t') }).toEqual({ key, done: true });
      let before = rows;
      expect({ key, row: await load(other) }).toEqual({ key, row: before + 1 });
      await server.command('DEL', key);
      await leave(kind, key);
      expect({ key, done: await other.delete('a') }).toEqual({ key, done: true });
      before = rows;
      expect({ key, row: await load(cache) }).toEqual({ key, row: before + 1 });
      await server.command('DEL', key);
      await leave(kind, key);
      await cache.dangerouslyClear();
      before = rows;
      expect({ key, row: await load(cache) }).toEqual({ key, row: before + 1 });
      // A process that finds the foreign bytes now and mends them may have the first one not kept.
      await eventually(async () => expect({ key, row: await load(cache) }).toEqual({ key, row: await load(cache) }));
    }
  });

  it('is a lock that somebody else holds, with a fault, or none; and no counter', async () => {
    const store = redisStore({ url: server.url, ...patience });
    await store.open();
    const locks = new CacheLock({ store: guarded(store), namespace, deadline: patience.commandTimeout });
    const draw = (): Promise<number> => locks.using('r', {}, ({ fencingToken }) => fencingToken);
    const before = await draw();
    await server.command('DEL', `${namespace}~lock:r~f`);
    await leave(kind, `${namespace}~lock:r~f`);
    expect(await draw()).toBeGreaterThan(before);
    await leave(kind, `${namespace}~lock:r`);
    if (kind === 'a list' || kind === 'a hash') {
      expect(await draw()).toBeGreaterThan(before);
    } else {
      const faults = recordEvents('fault');
      // A lock is never taken over on a guess.
      expect(await locks.acquire('r')).toEqual({ status: 'held' });
      expect(faults.of('fault')).toMatchObject([{ kind: 'undecodable', key: `${namespace}~lock:r` }]);
      faults.stop();
      await server.command('DEL', `${namespace}~lock:r`);
      expect(await draw()).toBeGreaterThan(before);
    }
    await store.close();
  });
});
