import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';

const interval = 1_000;
const blindFor = 5_000;
const maxBehindBytes = 300_000;

describe('the feed of a store, by a clock that stands still', () => {
  let clock: VirtualClock;
  let store: Store;
  /** What `there` reaches the store by. */
  let faulty: FaultyStore;
  let here: TieredCache;
  let there: TieredCache;
  let events: RecordedEvents;
  const caches: TieredCache[] = [];
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const later = (ms: number) => clock.advanceTo(clock.now() + ms, settle);
  const cacheWith = async (name: string, configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
    const cache = await buildCache({
      name,
      store,
      clock,
      coherence: { interval, blindFor, maxBehindBytes },
      ...configuration,
    });
    caches.push(cache);
    await settle();
    return cache;
  };

  beforeEach(async () => {
    clock = new VirtualClock();
    store = memoryStore({ clock });
    faulty = new FaultyStore(store);
    here = await cacheWith('here');
    there = await cacheWith('there', { store: faulty.store });
    events = recordEvents('nearCleared', 'invalidated', 'logRead', 'staleness');
  });
  afterEach(async () => {
    events.stop();
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });

  /** How many records were appended. */
  const counter = async (): Promise<number> => {
    const question = { feed: 'test', since: undefined, watch: 'test~nothing', maxBehindBytes: 2 ** 30 };
    return (await store.shards[0].readFeed?.(question))?.mark?.offset ?? NaN;
  };
  const cleared = (): string[] => events.of('nearCleared').map(({ cache, reason }) => `${cache} ${reason}`);

  it('is written once by each call of a bulk, and not at all by fills and backfills', async () => {
    const keys = Array.from({ length: 100 }, (_, index) => `key${index}`);
    const appendsOf = async (work: () => Promise<unknown>): Promise<number> => {
      const before = await counter();
      await work();
      return (await counter()) - before;
    };
    expect(await appendsOf(() => here.setMany(keys.map((key) => [key, 1] as const)))).toBe(1);
    expect(await appendsOf(() => here.deleteMany(keys))).toBe(1);
    expect(await appendsOf(() => here.getOrSetMany(keys, (missing) => missing.map((key) => [key, 1] as const)))).toBe(
      0,
    );
    expect(await appendsOf(() => here.getOrSet('filled', () => 1))).toBe(0);
    expect(await appendsOf(() => there.getMany([...keys, 'filled']))).toBe(0);
    expect(await appendsOf(() => here.set('one', 1))).toBe(1);
    expect(await appendsOf(() => here.update<number>('one', (n = 0) => n + 1))).toBe(1);
    expect(await appendsOf(() => here.delete('one'))).toBe(1);
    expect(await appendsOf(() => here.invalidateTags('t', 'u', 'v'))).toBe(1);
  });

  it('names more keys than one record holds, and a call of any size is acknowledged', async () => {
    const keys = Array.from({ length: 12_000 }, (_, index) => `${index}`);
    const before = await counter();
    expect(await here.setMany(keys.map((key) => [key, 1] as const))).toBe(true);
    expect(await here.deleteMany(keys)).toBe(true);
    expect((await counter()) - before).toBeLessThan(100);
    expect(await there.lookup('11999')).toMatchObject({ hit: false, reason: 'absent' });
    await later(interval);
    expect(cleared()).toEqual([]);
  });

  it('is read in one round trip, and not again before the interval is over', async () => {
    faulty.commands.splice(0);
    await later(10 * interval);
    expect(faulty.commands).toEqual(Array.from({ length: 10 }, () => 'readFeed test~feed'));
    await there.set('a', 1);
    faulty.commands.splice(0);
    for (let hit = 0; hit < 100; hit++) await there.getOrSet('a', () => 2);
    expect(faulty.commands).toEqual([]); // no hit reads it
  });

  it('that names something in another process is applied there, and not published again', async () => {
    await here.set('a', 1);
    await later(interval);
    expect(await there.get('a')).toBe(1);
    await here.delete('a');
    const before = await counter();
    await later(interval);
    expect(there.peek('a')).toBeUndefined();
    expect(await counter()).toBe(before);
  });

  const appended = async (record: string): Promise<unknown> =>
    store.shards[0].invalidate?.({
      feed: 'test',
      changes: [],
      records: [Buffer.from(record)],
      watch: 'test~versions',
    });

  it.each<[string, () => Promise<unknown>]>([
    ['cleared', () => store.shards[0].remove('test~versions')],
    ['cleared', () => here.dangerouslyClear()],
    ['a record that can’t be read', () => appended('nonsense')],
    ['a record that can’t be read', () => appended('[2,"w",1,1,["%"],[]]')], // the name of no key
    ['a record that can’t be read', () => appended('[2,"w",1,1,["#xn"],[]]')],
    ['too far behind', () => here.deleteMany(Array.from({ length: 3_000 }, (_, n) => `row${n}`.padEnd(100, '.')))],
  ])('drops what is near when %s', async (reason, breakIt) => {
    await here.set('a', 1);
    await later(interval);
    await there.get('a');
    await later(5); // a number that is made anew from the clock is a later one
    await breakIt();
    await later(interval + 100);
    expect(there.peek('a')).toBeUndefined();
    expect(cleared().find((one) => one.startsWith('there'))).toContain(reason);
    await here.set('a', 2);
    await later(interval);
    expect(await there.lookup('a')).toMatchObject({ hit: true, tier: 'memory' });
    await later(3 * interval);
    expect(there.peek('a')).toBe(2); // once, not for ever
  });

  it('that can’t be read is believed for blindFor more, and then nothing near is', async () => {
    await here.set('a', 1);
    await later(interval);
    await there.get('a');
    faulty.down = '';
    await later(blindFor);
    expect(await there.lookup('a')).toMatchObject({ hit: true, tier: 'process' });
    await later(interval + 1);
    expect(there.peek('a')).toBeUndefined();
    expect(await there.lookup('a')).toMatchObject({ hit: false, reason: 'unavailable' });
  });

  it('that a process has stopped reading is read before anything near is believed', async () => {
    await here.set('a', 'old');
    await later(interval);
    await there.get('a');
    await here.set('a', 'new');
    clock.skip(60_000); // no timer ran: the loop stood still
    expect(there.peek('a')).toBeUndefined();
    expect(await there.get('a')).toBe('new');
    expect(await there.getOrSet('a', () => 'loaded')).toBe('new');
  });

  it('lets a process that wakes without its store believe nothing', async () => {
    await here.set('a', 'old');
    await later(interval);
    await there.get('a');
    faulty.down = '';
    clock.skip(60_000);
    expect(await there.lookup('a')).toMatchObject({ hit: false });
    await later(10);
    expect(there.peek('a')).toBeUndefined();
  });

  it('never gives back what this process or request wrote itself for anything older', async () => {
    const scope = new RequestScope();
    const own = await cacheWith('own', { scope });
    await here.set('a', 0);
    for (let version = 1; version < 20; version++) {
      await scope.run(async () => {
        await own.get('a');
        if (version % 3 === 0) await own.update<number>('a', () => version);
        else if (version % 3 === 1) await own.set('a', version);
        else {
          await own.delete('a');
          expect(own.peek('a')).toBeUndefined();
          expect(await own.getOrSet('a', () => version)).toBe(version);
        }
        expect(await own.get('a')).toBe(version);
      });
      expect(await own.get('a')).toBe(version);
      await later(version * 97);
      expect(await own.get('a')).toBe(version);
    }
  });

  it('never goes back behind a value that a refused load was given', async () => {
    let finish = (_: string): void => {};
    const loading = here.getOrSet('a', () => new Promise<string>((resolve) => (finish = resolve)));
    await settle();
    await there.delete('a'); // the load has lost its lease
    await later(interval); // and is joined no more
    await there.getOrSet('a', () => 'old');
    expect(await here.getOrSet('a', () => 'never')).toBe('old');
    await there.delete('a');
    finish('new');
    expect(await loading).toBe('new');
    expect(here.peek('a')).toBeUndefined();
  });

  describe('measured', () => {
    it('says how old its position had become, and while it can’t be read how old it is', async () => {
      await later(2 * interval);
      events.clear();
      await here.set('a', 1);
      await later(interval);
      expect(events.of('logRead')).toContainEqual({
        ...{ event: 'logRead', cache: 'there', shard: 'memory', lagMs: interval, applied: 1, answered: true },
      });
      events.clear();
      faulty.down = '';
      await later(3 * interval);
      const lags = events.of('logRead').filter(({ cache }) => cache === 'there');
      expect(lags.map(({ answered }) => answered)).toEqual([false, false, false]);
      expect(lags.map(({ lagMs }) => lagMs)).toEqual([interval, 2 * interval, 3 * interval]);
    });

    it('tells of sampled hits how stale they were, once that is known', async () => {
      await here.set('changed', 1);
      await here.set('same', 1);
      await later(interval);
      await there.getMany(['changed', 'same']);
      await later(400);
      await here.set('changed', 2);
      await later(250);
      await there.getOrSet('changed', () => 3); // 250 ms after
      await there.lookup('same');
      expect(events.of('staleness')).toEqual([]);
      await later(2 * interval);
      const told = events.of('staleness').map(({ cache, key, staleMs }) => [cache, key, staleMs]);
      expect(told).toEqual([
        ['there', 'changed', 250],
        ['there', 'same', 0],
      ]);
    });

    it('takes no hit for stale whose value is as new as what the feed names', async () => {
      await here.set('a', 1, { tags: ['t'] });
      await later(10);
      await there.get('a'); // backfilled, before the feed has named it
      await later(10);
      await there.get('a');
      await later(2 * interval);
      expect(events.of('staleness').map(({ staleMs }) => staleMs)).toEqual([0]);
      await there.get('a');
      events.clear();
      await later(10);
      await here.invalidateTags('t');
      await later(30);
      expect(await there.get('a')).toBe(1);
      await later(2 * interval);
      expect(events.of('staleness').map(({ staleMs }) => staleMs)).toEqual([30]);
    });

    it('is not measured for nobody', async () => {
      events.stop();
      await here.set('a', 1);
      await later(interval);
      for (let hit = 0; hit < 10; hit++) await there.get('a');
      events = recordEvents('staleness');
      await later(3 * interval);
      expect(events.all).toEqual([]);
    });
  });
});

describe('a change that others keep overtaking', () => {
  it('is given up after ten tries with a ConflictError, and changes nothing', async () => {
    const store = memoryStore();
    const cache = await buildCache({ store, random: () => 0.01 });
    await cache.set('n', 0);
    const storeKey = cache.storeKey('n');
    const [item] = await store.shards[0].readMany([storeKey]);
    let tries = 0;
    const overtaken = cache.update<number>('n', () => {
      tries++;
      void store.shards[0].write(storeKey, item?.bytes ?? Buffer.alloc(0), { lifeMs: 60_000 });
      return 1;
    });
    await expect(overtaken).rejects.toMatchObject({ code: 'CONFLICT', key: 'n', tries: 10 });
    expect(tries).toBe(10);
    expect(await cache.get('n')).toBe(0);
    await cache.close();
  });

  it('set if absent, all of 30 callers in three processes are given the first', async () => {
    const store = memoryStore();
    const caches = await Promise.all([1, 2, 3].map(() => buildCache({ store })));
    const callers = Array.from({ length: 30 }, (_, n) => (caches[n % 3] as TieredCache).setIfAbsent('group', n));
    expect(new Set(await Promise.all(callers)).size).toBe(1);
    await Promise.all(caches.map((cache) => cache.close()));
  });
});
