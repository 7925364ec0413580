import { randomUUID } from 'node:crypto';
import { inspect, isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { Codec } from '../../src/codec/codec.js';
import { bytes } from '../../src/codec/bytes.js';
import { json } from '../../src/codec/json.js';
import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';
import { structured } from '../../src/codec/structured.js';
import { versionedKey } from '../../src/key/key.js';
import type { KeyPart } from '../../src/key/key-part.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { systemClock } from '../../src/value/clock.js';
import { InvalidDurationError, UnencodableValueError } from '../../src/value/errors.js';
import { eventually } from '../support/eventually.js';
import { buildCache } from '../support/build-cache.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

class Account {
  constructor(readonly id: number) {}
}
const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

/** What, its value, and the codecs that carry it; all others refuse it. */
const values: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['null', null, ['json', 'structured']],
  ['false', false, ['json', 'structured']],
  ['true', true, ['json', 'structured']],
  ['0', 0, ['json', 'structured']],
  ["''", '', ['json', 'structured']],
  ['NaN', NaN, ['structured']],
  ['Infinity', Infinity, ['structured']],
  ['undefined', undefined, []],
  ['a Date', new Date(86_400_000), ['structured']],
  ['a bigint', 12345678901234567890n, ['structured']],
  ['a Buffer', Buffer.from([0, 1, 255]), ['bytes', 'structured']],
  ['a Map', new Map<unknown, unknown>([['a', [1]]]), ['structured']],
  ['a Set', new Set([1, 'a']), ['structured']],
  ['a class instance', new Account(1), []],
  ['a cycle', cycle, []],
  ['own __proto__', JSON.parse('{"__proto__":{"admin":true},"a":1}'), ['json', 'structured']],
  ['a nested object', { list: [1, { deep: ['ä', null] }], text: '\u2028\r\n' }, ['json', 'structured']],
];
const codecs: readonly Codec<unknown>[] = [json(), structured(), bytes()];

describe.each(storePlaceNames)('values over the %s store', (placeName) => {
  let place: StorePlace;
  const scope = new RequestScope();
  let near: TieredCache;
  let shared: TieredCache;
  beforeAll(async () => {
    place = await storePlaces[placeName]();
    near = await buildCache({ store: place.connect(), scope });
    // The same namespace without a process tier: what it reads, it reads from the store.
    shared = await buildCache({ store: place.connect(), process: false });
  });
  afterAll(async () => {
    await Promise.all([near.close(), shared.close()]);
    await place.remove();
  });

  const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b) && inspect(a) === inspect(b);

  for (const codec of codecs) {
    it.each(values)(
      `V2 %s is read as it was written by ${codec.name}, or refused and not stored`,
      async (name, value, carriers) => {
        const key = `${codec.name} ${name}`;
        const options = { codec };
        const carried = carriers.includes(codec.name);
        if (!carried) {
          await expect(near.set(key, value, options)).rejects.toThrow(UnencodableValueError);
          // A loader's undefined is "there is none": an answer for its caller, and nothing to store.
          const loaded = near.getOrSet(key, () => value, options);
          if (value === undefined) expect(await loaded).toBeUndefined();
          else await expect(loaded).rejects.toThrow(UnencodableValueError);
          expect(await near.lookup(key)).toMatchObject({ hit: false });
          expect(await shared.lookup(key)).toMatchObject({ hit: false, reason: 'absent' });
          return;
        }
        const read = (cache: TieredCache) => cache.getOrSet<unknown>(key, () => 'loaded again', options);
        await scope.run(async () => {
          expect(same(await near.getOrSet(key, () => value, options), value)).toBe(true); // the first caller
          expect(same(await read(near), value)).toBe(true); // the request tier
        });
        expect(same(await read(near), value)).toBe(true); // the process tier
        expect(same(await read(shared), value)).toBe(true); // the store
        expect(same(await read(shared), value)).toBe(true);
        await near.set(key, value, options);
        expect(same(await read(near), value)).toBe(true);
        expect(same(await read(shared), value)).toBe(true);
        expect(({} as { admin?: boolean }).admin).toBeUndefined();
      },
    );
  }

  it('V2 a value nested 100,000 deep is refused and not stored, and bytes of one that stand there are a miss', async () => {
    const levels = 100_000;
    for (const codec of [json(), structured()]) {
      let deep: unknown = 1;
      for (let level = 0; level < levels; level++) deep = level % 2 ? [deep] : { deep };
      const key = `deep ${codec.name}`;
      await expect(near.set(key, deep, { codec })).rejects.toThrow(UnencodableValueError);
      await expect(near.getOrSet(key, () => deep, { codec })).rejects.toThrow(UnencodableValueError);
      expect(await shared.lookup(key)).toMatchObject({ hit: false, reason: 'absent' });
    }
    const storeKey = near.storeKey('deep bytes');
    const writer = place.connect();
    await writer.open();
    await shared.set('deep bytes', 'shallow');
    const [stored] = await writer.shardOf('test~:deep bytes').readMany([storeKey]);
    const head = {
      codec: 'json',
      createdAt: Date.now(),
      freshUntil: Infinity,
      staleUntil: Infinity,
      loadCostMs: 0,
      generation: openEnvelope(storeKey, stored?.bytes as Buffer).generation,
      tags: [],
    };
    for (const payload of [
      '['.repeat(levels) + ']'.repeat(levels),
      '{"a":'.repeat(levels) + '1' + '}'.repeat(levels),
    ]) {
      const bytes = sealEnvelope(storeKey, head, Buffer.from(payload));
      await writer.shardOf('test~:deep bytes').write(storeKey, bytes, { lifeMs: 60_000 });
      for (const cache of [near, shared]) {
        expect(await cache.lookup('deep bytes')).toMatchObject({ hit: false, reason: 'undecodable' });
      }
      expect(await near.getOrSet('deep bytes', () => 'loaded')).toBe('loaded');
      expect(await shared.get('deep bytes')).toBe('loaded');
      await near.delete('deep bytes');
    }
    await writer.close();
  });

  const made = (codecName: string): unknown =>
    codecName === 'bytes'
      ? Buffer.from([1, 2, 3])
      : codecName === 'structured'
        ? new Map([['list', [1]]])
        : { list: [1] };
  const spoil = (value: unknown): void => {
    try {
      if (Buffer.isBuffer(value)) value[0] = 9;
      else if (value instanceof Map) (value.get('list') as number[]).push(2);
      else (value as { list: number[] }).list.push(2);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError); // frozen
    }
  };
  it.each(codecs.map(({ name }, index) => [name, index] as const))(
    'V3 a caller that changes what it read or wrote through %s changes nothing for others',
    async (name, index) => {
      const codec = codecs[index] as Codec<unknown>;
      const make = (): unknown => made(name);
      const key = `spoilt ${name}`;
      const read = (cache: TieredCache) => cache.getOrSet<unknown>(key, make, { codec });
      await scope.run(async () => {
        for (let turn = 0; turn < 3; turn++) {
          const value = await read(near);
          expect(value).toEqual(make());
          spoil(value);
        }
      });
      for (let turn = 0; turn < 2; turn++) {
        for (const cache of [near, shared]) {
          const value = await read(cache);
          expect(value).toEqual(make());
          spoil(value);
        }
      }
      const written = make();
      await near.set(`written ${name}`, written, { codec });
      spoil(written); // and set did not freeze it
      expect(written).not.toEqual(make());
      for (const cache of [near, shared]) {
        expect(await cache.getOrSet<unknown>(`written ${name}`, () => 'lost', { codec })).toEqual(make());
      }
    },
  );

  describe.each(codecs.map(({ name }, index) => [name, index] as const))('V3 through %s', (name, index) => {
    const codec = codecs[index] as Codec<unknown>;
    const key = `changed meanwhile ${name}`;
    const tagged = { codec, tags: ['t'] };

    it.each<[string, (value: unknown) => Promise<unknown>]>([
      ['a set with tags', (value) => near.set(key, value, tagged)],
      ['a setMany with tags', (value) => near.setMany([[key, value, tagged]])],
      [
        'a set behind one with tags',
        (value) => Promise.all([near.set(key, made(name), tagged), near.set(key, value, { codec })]),
      ],
      ['a setIfAbsent', (value) => near.setIfAbsent(key, value, { codec })],
    ])('%s stores the value of its call, whatever becomes of that before it resolves', async (_, write) => {
      await near.delete(key);
      const value = made(name);
      const writing = write(value);
      spoil(value);
      await writing;
      for (const cache of [near, shared]) {
        expect(await cache.getOrSet<unknown>(key, () => 'lost', { codec })).toEqual(made(name));
      }
    });
  });

  it.each<[string, (tags: string[]) => Promise<unknown>]>([
    ['set', (tags) => near.set('tagged meanwhile', 1, { tags })],
    ['setIfAbsent', (tags) => near.setIfAbsent('tagged meanwhile', 1, { tags })],
  ])('%s stores the tags of its call, whatever is put among them before it resolves', async (_, write) => {
    await near.delete('tagged meanwhile');
    const tags = ['of the call'];
    const writing = write(tags);
    tags.push('of later');
    await writing;
    const { tiers } = await near.explain('tagged meanwhile');
    expect(tiers.at(-1)).toMatchObject({ freshness: 'fresh', tags: ['of the call'] });
  });

  describe('by a clock that is set', () => {
    const minute = 60_000;
    const day = 24 * 60 * minute;
    const scopeOfClock = new RequestScope();
    let offsetMs = 0;
    const clock = { ...systemClock, now: () => Date.now() + offsetMs };
    const opened: TieredCache[] = [];
    const cacheAt = async (configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
      const named = { namespace: `clock ${randomUUID()}`, ...configuration };
      const cache = await buildCache({ store: place.connect(), scope: scopeOfClock, clock, ...named });
      opened.push(cache);
      return cache;
    };
    afterEach(async () => {
      offsetMs = 0;
      await Promise.all(opened.splice(0).map((cache) => cache.close()));
    });

    it('V4 copies that are made after 50 of 60 minutes die at 60 minutes, in the process and in a request', async () => {
      const namespace = `v4 ${randomUUID()}`;
      const options = { namespace, coherence: { interval: 20 } };
      const [one, other] = [await cacheAt(options), await cacheAt(options)];
      await one.set('a', 1, { ttl: '60m' });
      offsetMs = 50 * minute;
      expect(await other.lookup('a')).toMatchObject({ hit: true, tier: placeName });
      await scopeOfClock.run(async () => {
        // Once the log, which names the set, has been read with the clock as it is.
        const everywhere = async (leftMs: number): Promise<void> => {
          await other.lookup('a');
          const { tiers } = await other.explain('a');
          expect(tiers.map(({ tier, hit }) => [tier, hit])).toEqual([
            ['request', true],
            ['process', true],
            [placeName, true],
          ]);
          for (const { freshForMs } of tiers) expect(freshForMs).toBeLessThanOrEqual(leftMs);
        };
        await eventually(() => scopeOfClock.run(() => everywhere(10 * minute)));
        await other.lookup('a');
        offsetMs = 59 * minute;
        await eventually(() => everywhere(minute));
        offsetMs = 60 * minute;
        expect(await other.lookup('a')).toMatchObject({ hit: false });
        expect(other.peek('a')).toBeUndefined();
      });
      expect(await other.lookup('a')).toMatchObject({ hit: false });
      expect(await one.lookup('a')).toMatchObject({ hit: false });
    });

    it('V5 a ttl of 0 is not stored, and the shared value of before is gone', async () => {
      const namespace = `v5 ${randomUUID()}`;
      const [one, other] = [await cacheAt({ namespace }), await cacheAt({ namespace, process: false })];
      await one.set('a', 'old', { ttl: minute });
      expect(await other.get('a')).toBe('old');
      expect(await one.set('a', 'mine', { ttl: 0 })).toBe(true);
      for (const cache of [one, other]) expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'absent' });
      expect(await one.getOrSet('a', () => 'mine', { ttl: 0 })).toBe('mine');
      expect(await other.lookup('a')).toMatchObject({ hit: false, reason: 'absent' });
    });

    it.each([-1, NaN, Infinity, '-5m' as '5m'])('V5 a ttl of %p is refused, and nothing is stored', async (ttl) => {
      const cache = await cacheAt();
      await expect(cache.set('a', 1, { ttl })).rejects.toThrow(InvalidDurationError);
      await expect(cache.getOrSet('a', () => 1, { ttl })).rejects.toThrow(InvalidDurationError);
      expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'absent' });
    });

    it.each([400, minute, 30 * day, 31 * day, 400 * day])(
      'V5 a ttl of %d ms ends then, not at once and not never',
      async (ttl) => {
        const cache = await cacheAt({ process: false });
        await cache.set('a', 1, { ttl });
        // The store's own clock goes on as before: what ends here, ends by the instants in the entry.
        offsetMs = ttl - Math.min(ttl, 30_000);
        if (ttl > 30_000) expect(await cache.lookup('a')).toMatchObject({ hit: true });
        offsetMs = ttl;
        expect(await cache.lookup('a')).toMatchObject({ hit: false });
      },
    );
  });

  it('V8 keys of any text are told apart, and carry no command', async () => {
    const victim = 'victim';
    await near.set(victim, 'unharmed');
    const parts: KeyPart[][] = [
      ['k'.repeat(300)],
      [`${'k'.repeat(299)}l`],
      ['schlüssel 鍵 😀'],
      ['two words'],
      ['two', 'words'],
      ['two:words'],
      ['two', 'words', ''],
      [`a\r\nset ${near.storeKey(victim)} 0 0 5\r\nowned`],
      [`a\r\nmd ${near.storeKey(victim)}`],
      ['a\nflush_all'],
      ['a\0b'],
      ['\t'],
      ['\x7f'],
      [''],
      ['', ''],
      ['1'],
      [1],
      [1n],
      [true],
      ['true'],
      [null],
    ];
    const keys = parts.map((each) => versionedKey(...(each as [KeyPart])));
    const storeKeys = keys.map((key) => near.storeKey(key));
    expect(new Set(storeKeys).size).toBe(keys.length);
    for (const storeKey of storeKeys) expect(storeKey).toMatch(/^[\x21-\x7e]{1,250}$/);
    for (const [index, key] of keys.entries()) expect(await near.set(key, index)).toBe(true);
    const found = await shared.getMany(keys);
    expect(found.map((one) => (one.hit ? one.value : one.reason))).toEqual(keys.map((_, index) => index));
    expect(await shared.get(victim)).toBe('unharmed');
    for (const key of keys) await near.delete(key);
    expect((await shared.getMany(keys)).some(({ hit }) => hit)).toBe(false);
    expect(await shared.get(victim)).toBe('unharmed');
  });

  it('V9 a value over the store’s limit: the outcome is said, and the older value is gone everywhere', async () => {
    const limited = await buildCache({ store: place.connect(), namespace: 'limited', coherence: { interval: 50 } });
    const other = await buildCache({ store: place.connect(), namespace: 'limited', coherence: { interval: 50 } });
    const large = { text: 'x'.repeat(placeName === 'memcached' ? 1_100_000 : 17 * 2 ** 20) };
    await limited.set('a', 'small');
    expect(await other.get('a')).toBe('small');
    expect(await limited.set('a', large)).toBe(false);
    await expect(limited.set('a', large, { confirm: true })).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
    await limited.set('b', 'small');
    await limited.delete('b');
    expect(await limited.getOrSet('b', () => large)).toEqual(large);
    expect(await other.lookup('b')).toMatchObject({ hit: false });
    await Promise.all([limited.close(), other.close()]);
  });
});
