import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Keyv } from 'keyv';
import type { KeyvOptions, KeyvStoreAdapter } from 'keyv';
import { keyvStorage } from '../../src/adapter/keyv-storage.js';
import { looseJson } from '../../src/adapter/loose-json.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { structured } from '../../src/codec/structured.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { codecContract } from '../../src/testing/codec-contract.js';
import { FaultyStore } from '../support/faulty-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';

const opened: TieredCache[] = [];
const open = async (...args: Parameters<typeof buildCache>) => {
  const cache = await buildCache(...args);
  opened.push(cache);
  return cache;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()));
});

/** The rules of @keyv/test-suite 2.1.2 (keyv 5.6), which runs on vitest, said again for this runner; without compression, which is Keyv's own. */
describe('A Keyv over the tiers', () => {
  let cache: TieredCache;
  let keyv: Keyv;
  beforeEach(async () => {
    cache = await open();
    keyv = over({});
  });
  const over = (options: Omit<KeyvOptions, 'store'>) => new Keyv({ store: keyvStorage(cache), ...options });

  it('answers every call with a promise', async () => {
    const calls = [
      keyv.set('foo', 'bar'),
      keyv.get('foo'),
      keyv.has('foo'),
      keyv.delete('foo'),
      keyv.delete(['foo']),
      keyv.clear(),
    ];
    for (const call of calls) expect(call).toBeInstanceOf(Promise);
    await Promise.all(calls);
  });

  it('sets and gets', async () => {
    expect(await keyv.set('foo', 'bar')).toBe(true);
    expect(await keyv.get('foo')).toBe('bar');
    expect(await keyv.get('absent')).toBeUndefined();
  });

  it('ends the life of what was set with a ttl', async () => {
    const clock = new FakeClock(Date.now());
    cache = await open({ clock, store: memoryStore({ clock }) });
    keyv = over({});
    await keyv.set('foo', 'bar', 60_000);
    await clock.advance(59_000);
    expect(await keyv.get('foo')).toBe('bar');
    await clock.advance(1_000);
    expect(await keyv.get('foo')).toBeUndefined();
  });

  it('gets many in the order asked, with undefined for what is absent or has ended', async () => {
    await keyv.set('foo', 'bar', 60_000);
    await keyv.set('short', 'bar1', 1);
    await keyv.set('foo2', 'bar2', 60_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await keyv.get(['foo', 'short', 'foo2', 'never'])).toEqual(['bar', undefined, 'bar2', undefined]);
    expect(await keyv.get(['x', 'y', 'z'])).toEqual([undefined, undefined, undefined]);
  });

  it('sets many, each with its own ttl', async () => {
    await keyv.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 60_000 },
      { key: 'c', value: 3, ttl: 1 },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await keyv.get(['a', 'b', 'c'])).toEqual([1, 2, undefined]);
  });

  it('says whether it deleted something', async () => {
    await keyv.set('foo', 'bar');
    expect(await keyv.delete('foo')).toBe(true);
    expect(await keyv.get('foo')).toBeUndefined();
    expect(await keyv.delete('foo')).toBe(false);
  });

  it('deletes many', async () => {
    for (const key of ['foo', 'foo1', 'foo2']) await keyv.set(key, key);
    expect(await keyv.delete(['foo', 'foo1', 'foo2'])).toBe(true);
    expect(await keyv.get(['foo', 'foo1', 'foo2'])).toEqual([undefined, undefined, undefined]);
    expect(await keyv.delete(['foo', 'foo1', 'foo2'])).toBe(false);
  });

  it('clears everything, and resolves to undefined', async () => {
    expect(await keyv.clear()).toBeUndefined();
    await keyv.set('foo', 'bar');
    await keyv.set('fizz', 'buzz');
    expect(await keyv.clear()).toBeUndefined();
    expect(await keyv.get(['foo', 'fizz'])).toEqual([undefined, undefined]);
  });

  it('tells what it has', async () => {
    await keyv.set('foo', 'bar');
    expect(await keyv.has('foo')).toBe(true);
    expect(await keyv.has('fizz')).toBe(false);
    expect(await keyv.has(['foo', 'fizz'])).toEqual([true, false]);
  });

  it.each([
    ['false', false],
    ['null', null],
    ['0', 0],
    ['an object', { fizz: 'buzz' }],
    ['bytes', Buffer.from('bar')],
    ['an object with bytes', { buff: Buffer.from('buzz') }],
    ['a text', 'bar'],
    ['a quote', '"'],
    ['a single quote', "'"],
    ['two single quotes', "''"],
    ['a text that looks like bytes', ':base64:AA=='],
  ])('keeps %s', async (_, value) => {
    await keyv.set('foo', value);
    expect(await keyv.get('foo')).toEqual(value);
    expect(await over({}).get('foo')).toEqual(value);
  });

  it('keeps undefined as nothing', async () => {
    await keyv.set('foo', undefined);
    expect(await keyv.get('foo')).toBeUndefined();
  });

  it('refuses a symbol', async () => {
    await expect(keyv.set('foo', Symbol('value'))).rejects.toThrow('symbol cannot be serialized');
  });

  it('leaves the form of values to a serializer, if there is one', async () => {
    const bigger = over({
      serialize: (data) =>
        JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
      deserialize: (text) =>
        JSON.parse(text, (_, value: unknown) =>
          typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
        ) as never,
    });
    await bigger.set('foo', 9223372036854775807n);
    expect(await bigger.get('foo')).toBe(9223372036854775807n);
  });

  it.each(["'", '', ' ', 'ключ', 'k'.repeat(1_000)])('takes the key %j', async (key) => {
    await keyv.set(key, 'x');
    expect(await keyv.get(key)).toBe('x');
  });

  it('takes a namespace of any length, and clears it alone', async () => {
    const [one, two] = [over({ namespace: `${'n'.repeat(400)}1` }), over({ namespace: `${'n'.repeat(400)}2` })];
    await one.set('a', 1);
    await two.set('a', 2);
    await one.clear();
    expect([await one.get('a'), await two.get('a')]).toEqual([undefined, 2]);
  });

  it('keeps namespaces apart when it sets, deletes and clears', async () => {
    const [one, two] = [over({ namespace: 'keyv1' }), over({ namespace: 'keyv2' })];
    for (const key of ['foo', 'bar']) {
      await one.set(key, 'of one');
      await two.set(key, 'of two');
    }
    expect([await one.get('foo'), await two.get('foo')]).toEqual(['of one', 'of two']);
    expect(await one.delete('foo')).toBe(true);
    expect([await one.get('foo'), await two.get('foo')]).toEqual([undefined, 'of two']);
    await one.clear();
    expect(await one.get(['foo', 'bar'])).toEqual([undefined, undefined]);
    expect(await two.get(['foo', 'bar'])).toEqual(['of two', 'of two']);
  });
});

describe('keyvStorage', () => {
  it('is what Keyv calls a storage adapter', async () => {
    const adapter: KeyvStoreAdapter = keyvStorage(await open());
    expect(await new Keyv({ store: adapter, ttl: 60_000 }).get('nothing')).toBeUndefined();
  });

  it('is shared by processes of the same namespace, and cleared for all of them', async () => {
    const store = memoryStore();
    const [one, other] = [await open({ store }), await open({ store })].map(
      (cache) => new Keyv({ store: keyvStorage(cache), namespace: 'sessions' }),
    ) as [Keyv, Keyv];
    await one.set('a', { user: 1 });
    expect(await other.get('a')).toEqual({ user: 1 });
    await one.clear();
    await eventually(async () => expect(await other.get('a')).toBeUndefined());
  });

  it('leaves what others keep in the cache alone', async () => {
    const cache = await open();
    await cache.set('own', 1);
    const keyv = new Keyv({ store: keyvStorage(cache) });
    await keyv.set('own', 2);
    await keyv.clear();
    expect([await cache.get('own'), await keyv.get('own')]).toEqual([1, undefined]);
  });

  it('ends the life of entries with their ttl, and without one never, whatever the cache defaults to', async () => {
    const cache = await open({ defaults: { ttl: 1, staleFor: '1h', jitter: 0.5 } });
    const storage = keyvStorage(cache);
    await storage.set('short', '1', 30);
    await storage.set('endless', '1');
    await storage.set('infinite', '1', Infinity);
    await storage.set('over', '1', 60_000);
    await storage.set('over', '1', -1);
    await storage.setMany([
      { key: 'many', value: '1' },
      { key: 'over', value: '1', ttl: -1 },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const keys = ['short', 'endless', 'infinite', 'over', 'many'];
    expect(await storage.getMany(keys)).toEqual([undefined, '1', '1', undefined, '1']);
  });

  it('gives entries without a ttl the one it was made with', async () => {
    const clock = new FakeClock();
    const storage = keyvStorage(await open({ clock, store: memoryStore({ clock }) }), { ttl: 2_000 });
    await storage.set('a', '1');
    await clock.advance(1_900);
    expect(await storage.has('a')).toBe(true);
    await clock.advance(100);
    expect(await storage.has('a')).toBe(false);
  });

  it('carries what its codec carries, where Keyv serializes nothing', async () => {
    const keyv = new Keyv({ store: keyvStorage(await open(), { codec: structured() }) });
    keyv.serialize = undefined;
    const value = { at: new Date(5), tags: new Set(['a']) };
    await keyv.set('a', value);
    expect(await keyv.get('a')).toEqual(value);
  });

  it('says that a write did not arrive, and reads a miss, while the store is away', async () => {
    const faulty = new FaultyStore(memoryStore());
    const keyv = new Keyv({ store: keyvStorage(await open({ store: faulty.store, process: false })) });
    const errors: unknown[] = [];
    keyv.on('error', (error: unknown) => errors.push(error));
    await keyv.set('a', 1);
    faulty.down = '';
    expect(await keyv.get('a')).toBeUndefined();
    expect(await keyv.set('a', 2)).toBe(false);
    expect(await keyv.delete('a')).toBe(false);
    expect(await keyv.setMany([{ key: 'b', value: 1 }])).toEqual([false]);
    await keyv.clear();
    expect(errors.map((error) => (error as { code?: string }).code)).toEqual([
      'STORE_UNAVAILABLE',
      'STORE_UNAVAILABLE',
    ]);
    faulty.down = undefined;
    // The clearing is sent again, and may come after a write.
    await eventually(async () => expect([await keyv.set('a', 3), await keyv.get('a')]).toEqual([true, 3]));
  });
});

describe('The codec of what Keyv and cache-manager store', () => {
  codecContract(
    { describe, it },
    {
      make: () => looseJson(),
      values: [
        null,
        0,
        '',
        ':',
        '::base64:AA==',
        ':base64:',
        [1, { a: ':x', b: Buffer.from([0, 255]) }],
        Buffer.from('bar'),
      ],
      refused: [undefined, 1n, () => 1],
      undecodable: [Buffer.from('{'), Buffer.from('undefined'), Buffer.from([34, 255, 34])],
      mutate: (value) => {
        if (Array.isArray(value)) value.push('more');
      },
    },
  );

  it('says nothing of the value that it refuses', () => {
    const secret = {
      toJSON() {
        throw new Error('hunter2');
      },
    };
    expect(() => looseJson().encode(secret)).toThrow(/^(?!.*hunter2).*loose-json/);
  });
});
