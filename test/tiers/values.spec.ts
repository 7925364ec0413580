import { inspect, isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { Codec } from '../../src/codec/codec.js';
import { bytes } from '../../src/codec/bytes.js';
import { json } from '../../src/codec/json.js';
import { sealEnvelope } from '../../src/codec/envelope.js';
import { structured } from '../../src/codec/structured.js';
import { RequestScope } from '../../src/tier/request-scope.js';
import { UnencodableValueError } from '../../src/value/errors.js';
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
    const head = {
      codec: 'json',
      createdAt: Date.now(),
      freshUntil: Infinity,
      staleUntil: Infinity,
      loadCostMs: 0,
      generation: Number.MAX_SAFE_INTEGER,
      tags: [],
    };
    for (const payload of [
      '['.repeat(levels) + ']'.repeat(levels),
      '{"a":'.repeat(levels) + '1' + '}'.repeat(levels),
    ]) {
      const bytes = sealEnvelope(storeKey, head, Buffer.from(payload));
      await writer.shardOf(storeKey).write(storeKey, bytes, { lifeMs: 60_000 });
      for (const cache of [near, shared]) {
        expect(await cache.lookup('deep bytes')).toMatchObject({ hit: false, reason: 'undecodable' });
      }
      expect(await near.getOrSet('deep bytes', () => 'loaded')).toBe('loaded');
      expect(await shared.get('deep bytes')).toBe('loaded');
      await near.delete('deep bytes');
    }
    await writer.close();
  });

  it.each(codecs.map(({ name }, index) => [name, index] as const))(
    'V3 a caller that changes what it read or wrote through %s changes nothing for others',
    async (name, index) => {
      const codec = codecs[index] as Codec<unknown>;
      const make = (): unknown =>
        name === 'bytes' ? Buffer.from([1, 2, 3]) : name === 'structured' ? new Map([['list', [1]]]) : { list: [1] };
      const spoil = (value: unknown): void => {
        try {
          if (Buffer.isBuffer(value)) value[0] = 9;
          else if (value instanceof Map) (value.get('list') as number[]).push(2);
          else (value as { list: number[] }).list.push(2);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError); // frozen
        }
      };
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

  it('V9 a value over the store’s limit: the outcome is said, and the older value is gone everywhere', async () => {
    const limited = await buildCache({ store: place.connect(), namespace: 'limited', coherence: { interval: 50 } });
    const other = await buildCache({ store: place.connect(), namespace: 'limited', coherence: { interval: 50 } });
    const large = { text: 'x'.repeat(placeName === 'memcached' ? 1_100_000 : 17 * 2 ** 20) };
    await limited.set('a', 'small');
    expect(await other.get('a')).toBe('small');
    expect(await limited.set('a', large)).toBe(false);
    await expect(limited.set('a', large, { confirm: true })).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await other.lookup('a')).toMatchObject({ hit: false });
    await limited.set('b', 'small');
    await limited.delete('b');
    expect(await limited.getOrSet('b', () => large)).toEqual(large);
    expect(await other.lookup('b')).toMatchObject({ hit: false });
    await Promise.all([limited.close(), other.close()]);
  }, 30_000);
});
