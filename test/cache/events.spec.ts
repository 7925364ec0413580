import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { Key } from '../../src/key/key.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import { onCacheEvent } from '../../src/value/events.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { faultyStore } from '../../src/testing/faulty-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { logRead } from '../support/log-read.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvent, RecordedEvents } from '../support/recorded-events.js';

describe('what happened, by the events of two processes', () => {
  let store: Store;
  let events: RecordedEvents;
  const scope = new RequestScope();
  const caches: TieredCache[] = [];
  const cacheWith = async (name: string, configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
    const cache = await buildCache({ name, store, scope, ...configuration });
    caches.push(cache);
    return cache;
  };
  let here: TieredCache;
  let there: TieredCache;

  beforeEach(async () => {
    store = memoryStore();
    here = await cacheWith('here');
    there = await cacheWith('there');
    events = recordEvents(
      'hit',
      'miss',
      'loadStarted',
      'loadJoined',
      'loadFinished',
      'loadRefused',
      'backfilled',
      'invalidated',
      'nearCleared',
      'evicted',
    );
  });
  afterEach(async () => {
    events.stop();
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });

  /** One line for each event: what tells it from others, and no more. */
  const told = (event: RecordedEvent): string => {
    const fields = event as unknown as Record<string, unknown>;
    const details = ['tier', 'freshness', 'reason', 'origin'].flatMap((name) => (fields[name] ? [fields[name]] : []));
    return [fields['cache'], event.event, fields['key'] ?? '', ...details].join(' ').replace('  ', ' ');
  };
  const transcript = (): string[] => {
    const lines = events.all.map(told);
    events.clear();
    return lines;
  };

  it('a load, and hits nearer and nearer', async () => {
    await Promise.all([here.getOrSet('a', () => pause(10, 1)), here.getOrSet('a', () => 2)]);
    expect(transcript()).toEqual([
      'here loadJoined a',
      'here miss a absent',
      'here loadStarted a',
      'here loadFinished a',
      'here backfilled a process',
    ]);
    await scope.run(async () => {
      await there.getOrSet('a', () => 3);
      await there.getOrSet('a', () => 3);
      await there.lookup('a');
    });
    await there.lookup('a');
    expect(transcript()).toEqual([
      'there hit a memory fresh',
      'there backfilled a process',
      'there hit a request fresh',
      'there hit a request fresh',
      'there hit a process fresh',
    ]);
  });

  it('a bulk: hits of the store and nearer, and why the others missed', async () => {
    await here.set('stored', 1);
    await here.set('versioned', 1, { version: 1, tiers: ['store'] });
    events.clear();
    const load = (keys: readonly string[]): [string, number][] => keys.map((key) => [key, 2]);
    for (let time = 0; time < 2; time++) {
      const keys = ['stored', 'versioned', 'absent', 'stored'];
      expect(await there.getOrSetMany(keys, load, { version: 2 })).toEqual([2, 2, 2, 2]);
      expect(await there.getOrSetMany(keys, load)).toEqual([2, 2, 2, 2]);
    }
    const seen = [...events.of('hit'), ...events.of('miss')].map(told);
    expect(seen.filter((line) => line.includes('miss')).sort()).toEqual([
      'there miss absent absent',
      'there miss stored version',
      'there miss versioned version',
    ]);
    expect(seen.filter((line) => line.includes('hit'))).toHaveLength(9);
    const elsewhere = await cacheWith('elsewhere');
    await elsewhere.getOrSetMany(['stored', 'new'], load);
    expect(transcript().filter((line) => line.startsWith('elsewhere'))).toEqual([
      'elsewhere hit stored memory fresh',
      'elsewhere backfilled stored process',
      'elsewhere miss new absent',
      'elsewhere loadStarted new',
      'elsewhere loadFinished new',
      'elsewhere backfilled new process',
    ]);
  });

  it('a bulk that joins what another bulk loads, and what a look-up loads', async () => {
    let goOn: () => void = () => {};
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const bulk = (...keys: string[]): Promise<unknown> =>
      here.getOrSetMany(keys, (missing) => gate.then(() => missing.map((key) => [key, 1])));
    const loading = [bulk('a', 'b'), here.getOrSet('c', () => gate.then(() => 1))];
    await eventually(() => expect(events.of('loadStarted')).toHaveLength(3));
    loading.push(bulk('a', 'b', 'c', 'd'));
    await eventually(() => expect(events.of('loadStarted')).toHaveLength(4));
    goOn();
    await Promise.all(loading);
    expect(events.of('loadJoined').map(told)).toEqual(['here loadJoined a', 'here loadJoined b', 'here loadJoined c']);
  });

  it('an error that is held: each of its callers has missed', async () => {
    const down = (): Promise<never> => Promise.reject(new Error('down'));
    await expect(here.getOrSet('a', down)).rejects.toThrow('down');
    events.clear();
    await expect(here.getOrSet('a', () => 1)).rejects.toThrow('down');
    await expect(here.getOrSetMany(['b', 'a'], () => [])).rejects.toThrow('down');
    expect(transcript()).toEqual(['here miss a failed', 'here miss a failed']);
  });

  it('stored bytes that can’t be read are told once', async () => {
    const faults = recordEvents('fault');
    try {
      await store.shards[0].write(there.storeKey('a'), Buffer.from('nonsense'), { lifeMs: 60_000 });
      expect(await there.getOrSet('a', () => 1)).toBe(1);
      expect(faults.of('fault').map(({ kind, key }) => [kind, key])).toEqual([['undecodable', 'a']]);
    } finally {
      faults.stop();
    }
  });

  it('an invalidation, here and there, and why the next look-up misses', async () => {
    await here.set('a', 1);
    await logRead('there');
    await there.get('a');
    transcript();
    await here.delete('a');
    await eventually(() =>
      expect(events.of('invalidated')).toContainEqual(expect.objectContaining({ origin: 'remote' })),
    );
    await there.lookup('a');
    expect(transcript()).toEqual(['here invalidated a local', 'there invalidated a remote', 'there miss a absent']);
  });

  it.each<[string, readonly string[], (cache: TieredCache) => Promise<unknown>]>([
    ['a delete', ['k local key'], (cache) => cache.delete('k')],
    ['a delete of several', ['k local key', 'l local key'], (cache) => cache.deleteMany(['k', 'l', 'k'])],
    ['an expiry', ['k local key'], (cache) => cache.expire('k')],
    ['an expiry of what has no stale life', ['l local key'], (cache) => cache.expire('l')],
    ['tags', ['tag t local tag', 'tag u local tag'], (cache) => cache.invalidateTags('t', 'u', 't')],
    ['an expiry of tags', ['tag t local tag'], (cache) => cache.expireTags('t')],
    ['a clear', ['* local everything'], (cache) => cache.dangerouslyClear()],
    ['a set', [], (cache) => cache.set('k', 2)],
  ])('what is invalidated is told once for each name of the call: %s', async (_, told, call) => {
    await here.set('k', 1, { tags: ['t'], staleFor: '1h' });
    await here.set('l', 1);
    await logRead('here');
    events.clear();
    await call(here);
    await logRead('here');
    const ofHere = events.of('invalidated').filter(({ cache }) => cache === 'here');
    expect(ofHere.map(({ key, origin, of }) => `${key} ${origin} ${of}`)).toEqual(told);
  });

  it.each<[string, readonly string[], (cache: TieredCache) => Promise<unknown>]>([
    ['tags', ['tag t remote tag'], (cache) => cache.invalidateTags('t')],
    ['a set', ['k remote key'], (cache) => cache.set('k', 1)],
  ])('what is invalidated here is told there once: %s', async (_, told, call) => {
    await logRead('there');
    events.clear();
    await call(here);
    await logRead('there');
    const ofThere = events.of('invalidated').filter(({ cache }) => cache === 'there');
    expect(ofThere.map(({ key, origin, of }) => `${key} ${origin} ${of}`)).toEqual(told);
  });

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['a delete', (cache) => cache.delete('k')],
    ['a delete of several', (cache) => cache.deleteMany(['l', 'k'])],
    ['an expiry', (cache) => cache.expire('k')],
    ['tags', (cache) => cache.invalidateTags('t')],
    ['a clear', (cache) => cache.dangerouslyClear()],
  ])('whoever hears of it reads the copy of before no more: %s', async (_, call) => {
    await here.set('k', 1, { tags: ['t'] });
    const read: unknown[] = [];
    const stop = onCacheEvent('invalidated', () => void read.push(here.peek('k')));
    await call(here);
    stop();
    expect(read.length).toBeGreaterThan(0);
    expect(read.filter((value) => value !== undefined)).toEqual([]);
  });

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['a delete', (cache) => cache.delete('k')],
    ['a delete of several', (cache) => cache.deleteMany(['l', 'k'])],
    ['an expiry', (cache) => cache.expire('k')],
    ['tags', (cache) => cache.invalidateTags('t')],
    ['an expiry of tags', (cache) => cache.expireTags('t')],
    ['a clear', (cache) => cache.dangerouslyClear()],
  ])('whoever hears of it and asks again is given what is there now: %s', async (_, call) => {
    await here.set('k', 'old', { tags: ['t'] });
    await logRead('here');
    const read: Promise<unknown>[] = [];
    const stop = onCacheEvent('invalidated', ({ cache, origin }) => {
      if (cache === 'here' && origin === 'local') read.push(here.getOrSet('k', () => 'new'));
    });
    await call(here);
    stop();
    expect(read.length).toBeGreaterThan(0);
    expect(await Promise.all(read)).toEqual(read.map(() => 'new'));
    expect(await here.get('k')).toBe('new');
  });

  it.each<[string, string, (cache: TieredCache) => Promise<unknown>]>([
    ['a delete', 'k key', (cache) => cache.delete('k')],
    ['a delete that is to be confirmed', 'k key', (cache) => cache.delete('k', { confirm: true })],
    ['an expiry', 'k key', (cache) => cache.expire('k')],
    ['an expiry that is to be confirmed', 'k key', (cache) => cache.expire('k', { confirm: true })],
    ['tags', 'tag t tag', (cache) => cache.invalidateTags('t')],
    ['a clear', '* everything', (cache) => cache.dangerouslyClear()],
  ])(
    'what the store does not acknowledge is told once as well, and nobody reads it any more: %s',
    async (_, told, call) => {
      const failing = faultyStore(store);
      const alone = await cacheWith('alone', { store: failing });
      await alone.set('k', 'old', { tags: ['t'] });
      events.clear();
      const read: Promise<unknown>[] = [];
      const stop = onCacheEvent('invalidated', ({ cache }) => {
        if (cache === 'alone') read.push(alone.getOrSet('k', () => 'new'));
      });
      await failing.during('throws', () => call(alone).catch(() => undefined));
      stop();
      const ofAlone = events.of('invalidated').filter(({ cache, origin }) => cache === 'alone' && origin === 'local');
      expect(ofAlone.map(({ key, of }) => `${key} ${of}`)).toEqual([told]);
      expect(await Promise.all(read)).toEqual(['new']);
    },
  );

  describe('a tag with control and format characters', () => {
    const forged = 'a\r\n\u001b[31mFORGED\u202e\u2028 50% ü';
    const shown = 'tag a%0D%0A%1B[31mFORGED%E2%80%AE%E2%80%A8 50% ü';

    it('has them encoded where it is told of, here and there', async () => {
      await here.invalidateTags(forged);
      await logRead('there');
      const told = events.of('invalidated').map(({ cache, key, origin }) => ({ cache, key, origin }));
      expect(told).toContainEqual({ cache: 'here', key: shown, origin: 'local' });
      expect(told).toContainEqual({ cache: 'there', key: shown, origin: 'remote' });
    });

    it('has them encoded where its invalidation is given up', async () => {
      const failing = faultyStore(store);
      const alone = await cacheWith('alone', { store: failing });
      const givenUp = recordEvents('writeGivenUp');
      await failing.during('throws', async () => {
        await alone.invalidateTags(forged);
        await alone.close();
      });
      givenUp.stop();
      expect(givenUp.of('writeGivenUp').map(({ key }) => key)).toEqual([shown]);
    });
  });

  it.each<[string, (cache: TieredCache, key: Key) => Promise<unknown>]>([
    ['a delete', (cache, key) => cache.delete(key)],
    ['a delete of several', (cache, key) => cache.deleteMany(['k', key])],
    ['an expiry', (cache, key) => cache.expire(key)],
  ])('a key that is too long is refused once, and nobody else hears of it: %s', async (_, call) => {
    const tooLong = defineKey('row:{id}', {})({ id: 'ö'.repeat(1_400) });
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    await expect(call(here, tooLong)).rejects.toThrow(InvalidKeyError);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });

  it('a load that an invalidation overtook: refused by the store, and near', async () => {
    let goOn: () => void = () => {};
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const loading = here.getOrSet('a', () => gate.then(() => 'old'));
    await eventually(() => expect(events.of('loadStarted')).toHaveLength(1));
    await there.delete('a');
    goOn();
    await loading;
    expect(transcript()).toEqual([
      'here miss a absent',
      'here loadStarted a',
      'there invalidated a local',
      'here loadFinished a',
      'here loadRefused a lease-lost',
    ]);
  });

  it('a load that takes too long', async () => {
    await expect(here.getOrSet('a', () => new Promise(() => {}), { maxLoad: 30 })).rejects.toThrow();
    expect(transcript()).toEqual([
      'here miss a absent',
      'here loadStarted a',
      'here loadRefused a too-late',
      'here loadFinished a',
    ]);
  });

  it('a bulk that takes too long: each of its loads is refused', async () => {
    await expect(here.getOrSetMany(['a', 'b'], () => new Promise(() => {}), { maxLoad: 30 })).rejects.toThrow();
    expect(events.of('loadRefused').map(told)).toEqual(['here loadRefused a too-late', 'here loadRefused b too-late']);
  });

  it('why a look-up missed', async () => {
    await here.set('expired', 1, { ttl: 10, tiers: ['process'] });
    await here.set('tagged', 1, { tags: ['t'], tiers: ['store'] });
    await here.set('versioned', 1, { version: 1, tiers: ['store'] });
    await store.shards[0].write(here.storeKey('garbled'), Buffer.from('garbage'), { lifeMs: 60_000 });
    await here.invalidateTags('t');
    events.clear();
    await here.getOrSet('versioned', () => 2, { version: 2 });
    await here.lookup('tagged');
    await here.lookup('garbled');
    await here.lookup('nothing');
    await scope.run(async () => {
      scope.forceMiss();
      await here.lookup('nothing');
    });
    expect(events.of('miss').map(({ key, reason }) => `${key} ${reason}`)).toEqual([
      'versioned version',
      'tagged invalidated',
      'garbled undecodable',
      'nothing absent',
      'nothing forced',
    ]);
  });

  it('what a small process tier drops, and what a cleared namespace does', async () => {
    const small = await cacheWith('small', { process: { maxEntries: 1 }, namespace: 'small' });
    await small.set('a', 1);
    await small.set('b', 1);
    expect(events.of('evicted')).toMatchObject([{ cache: 'small', tier: 'process', entries: 1 }]);
    await here.set('a', 1);
    await there.get('a');
    events.clear();
    await here.dangerouslyClear();
    await eventually(() =>
      expect(events.of('nearCleared')).toMatchObject([{ cache: 'there', reason: 'cleared', entries: 1 }]),
    );
    expect(await there.lookup('a')).toMatchObject({ hit: false });
  });

  it('nothing is built for nobody', async () => {
    events.stop();
    await here.getOrSet('a', () => 1);
    expect(events.all).toEqual([]);
  });
});
