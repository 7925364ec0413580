import { afterEach, describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { json } from '../../src/codec/json.js';
import type { StandardSchemaV1 } from '../../src/codec/standard-schema.js';
import { text } from '../../src/codec/text.js';
import { validated } from '../../src/codec/validated.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';

const caches: TieredCache[] = [];
async function cacheWith(configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> {
  const cache = await buildCache(configuration);
  caches.push(cache);
  return cache;
}
afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

const base = { owner: 'test', holds: 'a row', ttl: '1m' } as const;

describe('what one caller asks for decides what it is served', () => {
  it('a copy that was shared is not handed to who asks for a frozen one', async () => {
    const cache = await cacheWith();
    const load = () => ({ n: 1 });
    const shared = await cache.getOrSet('k', load, { isolation: 'share', codec: shareable() });
    shared.n = 2;
    const frozen = await cache.getOrSet('k', load, { codec: shareable(), isolation: 'freeze' });
    expect(frozen).toEqual({ n: 1 });
    expect(Object.isFrozen(frozen)).toBe(true);
    expect(await cache.getOrSet('k', load, { codec: shareable(), isolation: 'freeze' })).toEqual({ n: 1 });
  });

  it('key classes of one key with other codecs or versions miss, whichever verb asks', async () => {
    const cache = await cacheWith();
    const asJson = defineKey('row:{id}', { ...base });
    const asText = defineKey('row:{id}', { ...base, codec: text() });
    expect(await cache.getOrSet(asJson({ id: 'a' }), () => 'json')).toBe('json');
    expect(await cache.lookup(asText({ id: 'a' }))).toMatchObject({ hit: false, reason: 'undecodable' });
    expect(await cache.getOrSet(asText({ id: 'a' }), () => 'text')).toBe('text');
    expect(cache.peek(asJson({ id: 'a' }))).toBeUndefined();
    const first = defineKey('schema:{id}', { ...base, version: 'schema-1' });
    const second = defineKey('schema:{id}', { ...base, version: 'schema-2' });
    expect(await cache.getOrSet(first({ id: 'a' }), () => 1)).toBe(1);
    expect(await cache.lookup(second({ id: 'a' }))).toMatchObject({ hit: false, reason: 'version' });
    expect(await cache.getOrSet(second({ id: 'a' }), () => 2)).toBe(2);
    expect(await cache.getOrSet(first({ id: 'a' }), () => 3)).toBe(3);
    expect(await cache.lookup(first({ id: 'a' }), { version: 'schema-9' })).toMatchObject({ reason: 'version' });
  });

  describe('many keys at once are judged as one by one', () => {
    const asText = defineKey('a:{x}', { ...base, codec: text() });
    const asJson = defineKey('a:{x}', { ...base, codec: json<string>() });
    const [ofText, ofJson] = [asText({ x: '1' }), asJson({ x: '1' })];

    it.each<[string, Partial<CacheConfiguration>]>([
      ['near', {}],
      ['in the store', { process: false }],
    ])('where two key classes give one key, %s', async (_, configuration) => {
      const cache = await cacheWith(configuration);
      await cache.set(ofText, 'hello');
      for (const order of [
        [ofText, ofJson, 'other', ofText],
        [ofJson, ofText, ofJson, 'other', ofText],
      ]) {
        const asked = order as (typeof ofText)[];
        const one = await Promise.all(asked.map((key) => cache.lookup(key)));
        expect(await cache.getMany(asked)).toEqual(one);
        expect(one[asked.indexOf(ofText)]).toMatchObject({ hit: true, value: 'hello' });
        expect(one[asked.indexOf(ofJson as never)]).toMatchObject({ hit: false, reason: 'undecodable' });
      }
    });

    it('and each is loaded as it is to be read', async () => {
      const cache = await cacheWith();
      await cache.set(ofText, 'hello');
      const calls: number[] = [];
      const load = (keys: readonly (typeof ofText)[]): [typeof ofText, string][] => {
        calls.push(keys.length);
        return keys.map((key) => [key, 'loaded']);
      };
      const asked = [ofText, ofJson as never, ofText, ofJson as never];
      expect(await cache.getOrSetMany(asked, load)).toEqual(['hello', 'loaded', 'hello', 'loaded']);
      expect(calls).toEqual([1]);
      expect(await cache.get(ofJson)).toBe('loaded');
    });

    it('and what is frozen for one is not the object that another shares', async () => {
      const cache = await cacheWith();
      const shared = defineKey('b:{x}', { ...base, codec: shareable(), isolation: 'share' });
      const frozen = defineKey('b:{x}', { ...base, codec: shareable(), isolation: 'freeze' });
      const asked = [shared({ x: '1' }), frozen({ x: '1' })];
      const values = await cache.getOrSetMany(asked, (keys) => keys.map((key) => [key, { n: 1 }]));
      expect(values.map((value) => Object.isFrozen(value))).toEqual([false, true]);
      const read = await cache.getMany(asked);
      expect(read.map((found) => found.hit && Object.isFrozen(found.value))).toEqual([false, true]);
    });
  });

  it('what a schema refuses is not served from the copy that a plain codec has decoded', async () => {
    const cache = await cacheWith();
    const positive: StandardSchemaV1<unknown, number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => (typeof value === 'number' && value > 0 ? { value } : { issues: [{ message: 'no' }] }),
      },
    };
    await cache.set('n', -1);
    expect(await cache.getOrSet('n', () => 7)).toBe(-1);
    expect(await cache.getOrSet('n', () => 7, { codec: validated(json<number>(), positive, true) })).toBe(7);
  });

  it('options that ask for nothing else of the value are served the near copy', async () => {
    const cache = await cacheWith();
    await cache.set('a', 1);
    const events = recordEvents('hit');
    expect(await cache.getOrSet('a', () => 2, { ttl: '1h', staleFor: '1m' })).toBe(1);
    expect(events.all).toMatchObject([{ tier: 'process' }]);
    events.stop();
  });

  it('explain says of an unacknowledged removal what look-ups are told', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await cacheWith({ store: faulty.store });
    await cache.set('a', 1);
    faulty.down = ':a';
    expect(await cache.delete('a')).toBe(false);
    expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'invalidated' });
    const { tiers } = await cache.explain('a');
    expect(tiers.at(-1)).toMatchObject({ tier: 'memory', hit: false, reason: 'invalidated' });
    expect(await cache.has('a')).toBe(false);
    faulty.down = undefined;
  });
});

describe('T13 a refresh that says there is none', () => {
  const stale = { ttl: 20, staleFor: '1m' } as const;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

  it.each<[string, Partial<CacheConfiguration>, object]>([
    ['with a store', {}, {}],
    ['without a store', { store: undefined }, {}],
    ['of an entry that only the process keeps', {}, { tiers: ['process'] }],
  ])('ends what is served, %s', async (_, configuration, own) => {
    const clock = new FakeClock();
    const store = 'store' in configuration ? undefined : memoryStore({ clock });
    const cache = await cacheWith({ clock, store });
    for (const gone of [() => undefined, () => Promise.reject(new NotFoundException())]) {
      await cache.getOrSet('k', () => 'alive', { ...stale, ...own });
      await clock.advance(30);
      await cache.getOrSet<string>('k', gone, { ...stale, ...own }).catch(() => {});
      await settle();
      await settle();
      expect(cache.peek('k')).toBeUndefined();
      expect(await cache.getOrSet<string>('k', () => undefined, { ...stale, ...own })).toBeUndefined();
      expect(await cache.get('k')).toBeUndefined();
    }
  });

  it('ends it where the store has evicted the item meanwhile', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const cache = await cacheWith({ clock, store });
    await cache.getOrSet('k', () => 'alive', stale);
    await clock.advance(30);
    await store.shards[0].remove(cache.storeKey('k'));
    await cache.getOrSet<string>('k', () => undefined, stale);
    await settle();
    await settle();
    expect(cache.peek('k')).toBeUndefined();
  });

  it('within timeout.soft, its caller is told so', async () => {
    const cache = await cacheWith();
    const options = { ...stale, timeout: { soft: 1_000 } };
    const load = [() => 'alive', () => undefined];
    await cache.getOrSet<string>('k', load[0] as () => string, options);
    await cache.expire('k');
    expect(await cache.getOrSet<string>('k', load[1] as () => undefined, options)).toBeUndefined();
  });
});

describe('lives', () => {
  it('of negative answers have no stale part, unless asked', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }) });
    const negative = { ttl: '1h', staleFor: '1h', negative: { ttl: '10s' } } as const;
    await cache.getOrSet<string | null>('row', () => null, negative);
    await clock.advance('11s');
    expect(await cache.getOrSet<string | null>('row', () => 'made', negative)).toBe('made');
  });

  it('go on through an update that names none', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }) });
    await cache.set('n', 1, { ttl: '2s' });
    await clock.advance('1s');
    await cache.update<number>('n', (n = 0) => n + 1);
    await clock.advance('1.5s');
    expect(await cache.get('n')).toBeUndefined();
    await cache.set('n', 1, { ttl: '2s' });
    await cache.update<number>('n', (n = 0) => n + 1, { ttl: '1m' });
    await clock.advance('30s');
    expect(await cache.get('n')).toBe(2);
  });

  it('in the process tier are as long as nearTtl says', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }), coherence: { interval: '1h' } });
    const options = { ttl: '10m', nearTtl: '10s' } as const;
    await cache.getOrSet('a', () => 1, options);
    expect(cache.peek('a')).toBe(1);
    await clock.advance('10s');
    expect(cache.peek('a')).toBeUndefined();
    const events = recordEvents('hit');
    expect(await cache.getOrSet('a', () => 2, options)).toBe(1);
    expect(events.all).toMatchObject([{ tier: 'memory' }]);
    events.stop();
  });

  it('are refreshed after the share that refreshAfter says', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }), coherence: { interval: '1h' } });
    let loads = 0;
    const read = () => cache.getOrSet('a', () => ++loads, { ttl: '10m', refreshAfter: 0.8 });
    await read();
    await clock.advance('7m');
    await read();
    expect(loads).toBe(1);
    await clock.advance('1m');
    expect(await read()).toBe(1);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(loads).toBe(2);
  });

  it('soft over hard is refused', async () => {
    const cache = await cacheWith();
    const options = { timeout: { soft: 500, hard: 150 } };
    await expect(cache.getOrSet('a', () => 1, options)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('a forced refresh prolongs what it replaces', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }) });
    await cache.set('r', 'old', { ttl: 300 });
    const refreshing = cache.refresh('r', () => clock.sleep(600).then(() => 'new'), { ttl: '1m' });
    await clock.advance(700);
    expect(await refreshing).toBe('new');
    expect(await cache.get('r')).toBe('new');
  });

  it('a load that outlasts its ttl says so, and warns once', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }) });
    const events = recordEvents('loadRefused', 'fault');
    for (let time = 0; time < 3; time++) {
      const loading = cache.getOrSet('s', () => clock.sleep(60).then(() => time), { ttl: 50 });
      await clock.advance(70);
      expect(await loading).toBe(time);
    }
    expect(events.of('loadRefused').map(({ reason }) => reason)).toEqual(['expired', 'expired', 'expired']);
    expect(events.of('fault')).toHaveLength(1);
    events.stop();
  });
});

describe('what is held for a request', () => {
  it('is bounded: the oldest goes first', async () => {
    const scope = new RequestScope();
    const cache = await cacheWith({ scope, process: false });
    await scope.run(async () => {
      await cache.setMany(Array.from({ length: 10_001 }, (_, index) => [`${index}`, index] as const));
      expect(cache.peek('0')).toBeUndefined();
      expect(cache.peek('1')).toBe(1);
    });
  });
});

describe('expire', () => {
  it('makes an entry stale for everyone, and keeps what no stale life is left of from nobody', async () => {
    const store = memoryStore();
    const here = await cacheWith({ store });
    const there = await cacheWith({ store });
    await here.set('a', 1, { ttl: '1h', staleFor: '1h' });
    await here.set('b', 1, { ttl: '1h' });
    expect(await here.expire('a')).toBe(true);
    expect(await here.expire('b')).toBe(true);
    expect(await there.lookup('a')).toMatchObject({ hit: true, freshness: 'stale' });
    expect(await there.lookup('b')).toMatchObject({ hit: false });
    expect(await there.has('a')).toBe(true);
  });

  it('of tags does so for all of them, and an invalidation after it still invalidates', async () => {
    const store = memoryStore();
    const here = await cacheWith({ store });
    const there = await cacheWith({ store, process: false });
    await here.set('a', 1, { ttl: '1h', staleFor: '1h', tags: ['t'] });
    expect(await here.expireTags('t')).toBe(true);
    expect(await there.lookup('a')).toMatchObject({ hit: true, freshness: 'stale' });
    expect(await there.getOrSet('a', () => 2, { ttl: '1h', staleFor: '1h', tags: ['t'] })).toBe(1);
    await here.invalidateTags('t');
    expect(await there.lookup('a')).toMatchObject({ hit: false, reason: 'invalidated' });
  });
});

describe('reads that are asked to be confirmed', () => {
  it('reject where the store can’t be reached', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await cacheWith({ store: faulty.store, process: false });
    await cache.set('a', 1);
    faulty.down = '';
    expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'unavailable' });
    await expect(cache.get('a', { confirm: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(cache.getMany(['a'], { confirm: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

/** json that may also be shared: as an application's own codec can say. */
function shareable() {
  return { ...plain, isolations: ['freeze', 'share'] as const };
}
const plain = json<{ n: number }>();

describe('options of a call', () => {
  it('that nobody knows are an error which names the nearest', async () => {
    const cache = await cacheWith();
    const misspelt = { tll: '1h' } as object;
    await expect(cache.getOrSet('a', () => 1, misspelt)).rejects.toThrow(/tll.*ttl/);
    await expect(cache.set('a', 1, misspelt)).rejects.toThrow(/tll.*ttl/);
    await expect(cache.getOrSetMany(['a'], () => [], misspelt)).rejects.toThrow(/tll.*ttl/);
    expect(await cache.set('a', 1, { confirm: true })).toBe(true);
  });
});
