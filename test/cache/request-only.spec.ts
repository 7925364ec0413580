import { setTimeout as pause } from 'node:timers/promises';
import { Keyv } from 'keyv';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';

const requestOnly = { ttl: 0 };
const requests = Array.from({ length: 20 }, (_, index) => index);
const stores: [string, () => Store | undefined][] = [
  ['a memory store', memoryStore],
  ['a store without leases', () => keyvStore(new Keyv())],
  ['no store', () => undefined],
];

describe.each(stores)('ttl 0, on %s', (_, makeStore) => {
  const scope = new RequestScope();
  let cache: TieredCache;
  let loads = 0;
  const gates = new Map<number, () => void>();

  beforeEach(async () => {
    loads = 0;
    cache = await buildCache({ store: makeStore(), scope });
  });
  afterEach(async () => {
    for (const open of gates.values()) open();
    gates.clear();
    await cache.close();
  });

  /** Ends when the gate of its number is opened. */
  const held = async (): Promise<number> => {
    const load = ++loads;
    await new Promise<void>((resolve) => gates.set(load, resolve));
    return load;
  };
  const begun = (count: number) => eventually(() => expect(loads).toBe(count));

  it('loads once for each of many requests at a time, however often each of them asks', async () => {
    const answers = await Promise.all(
      requests.map((request) =>
        scope.run(async () => {
          const load = async (): Promise<number> => {
            loads++;
            // In any order, and some of them together.
            await pause((request * 7) % 5);
            return request;
          };
          const ask = (): Promise<number> => cache.getOrSet('a', load, requestOnly);
          const [first, second] = [ask(), pause(2).then(ask)];
          return [await first, await second, await ask(), await ask()];
        }),
      ),
    );
    expect(answers).toEqual(requests.map((request) => [request, request, request, request]));
    expect(loads).toBe(requests.length);
  });

  it('is not gone on with by a request that has invalidated its tag while it was loaded', () =>
    scope.run(async () => {
      const tagged = { ttl: 0, tags: ['t'] };
      const before = cache.getOrSet('a', held, tagged);
      await begun(1);
      await cache.invalidateTags('t');
      gates.get(1)?.();
      expect(await before).toBe(1);
      expect(await cache.getOrSet('a', () => 'anew', tagged)).toBe('anew');
    }));

  it('loads once for each in bulks too', async () => {
    await Promise.all(
      requests.map((request) =>
        scope.run(async () => {
          const load = async (keys: readonly string[]): Promise<[string, number][]> => {
            loads += keys.length;
            await pause((request * 7) % 5);
            return keys.map((key) => [key, request]);
          };
          for (let time = 0; time < 3; time++)
            expect(await cache.getOrSetMany(['a', 'b'], load, requestOnly)).toEqual([request, request]);
        }),
      ),
    );
    expect(loads).toBe(2 * requests.length);
  });

  /** One request loads; another does something to the key meanwhile; the first asks again. */
  async function overtakenBy(event: () => Promise<unknown>, options = requestOnly): Promise<number[]> {
    return scope.run(async () => {
      const first = cache.getOrSet('a', held, options);
      await begun(1);
      await event();
      gates.get(1)?.();
      const answers = [await first];
      const second = cache.getOrSet('a', held, options);
      let answered = false;
      void second.then(() => (answered = true));
      await eventually(() => expect(answered || gates.has(2)).toBe(true));
      gates.get(2)?.();
      return [...answers, await second];
    });
  }
  const otherRequest = () => scope.run(() => cache.getOrSet('a', () => 'of another', requestOnly));

  it('is kept by its request when another request’s load with ttl 0 ends first', async () => {
    expect(await overtakenBy(otherRequest)).toEqual([1, 1]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a deletion', () => cache.delete('a')],
    ['a write', () => cache.set('a', 'written', { tiers: [] })],
    ['a deletion and then another’s load', () => cache.delete('a').then(otherRequest)],
    ['another’s load and then a deletion', () => otherRequest().then(() => cache.delete('a'))],
    ['a clearing, and then another’s load', () => cache.dangerouslyClear().then(otherRequest)],
  ])('is not kept by its request after %s', async (_, event) => {
    expect(await overtakenBy(event)).toEqual([1, 2]);
  });

  it('is not kept by its request after the invalidation of its tag', async () => {
    const options = { ...requestOnly, tags: ['t'] };
    expect(await overtakenBy(() => cache.invalidateTags('t').then(otherRequest), options)).toEqual([1, 2]);
  });

  it('takes what is shared away: a load that began before is not kept near', async () => {
    const shared = cache.getOrSet('a', held, { tiers: ['process'] });
    await begun(1);
    expect(await otherRequest()).toBe('of another');
    gates.get(1)?.();
    expect(await shared).toBe(1);
    expect(cache.peek('a')).toBeUndefined();
  });
});

it('A load for one request leaves what others share in the store, though it is worth nothing to this one', async () => {
  const store = memoryStore();
  const [cache, other] = await Promise.all(
    ['cache', 'other'].map((name) => buildCache({ name, store, process: false })),
  );
  const [one, two] = [cache as TieredCache, other as TieredCache];
  const never = (): never => {
    throw new Error('it was loaded');
  };
  await one.set('a', 'shared', { ttl: '1h', version: 1 });
  expect(await one.getOrSet('a', () => 'own', { ttl: 0, version: 2 })).toBe('own');
  expect(await two.getOrSet('a', never, { ttl: '1h', version: 1 })).toBe('shared');
  await Promise.all([one.close(), two.close()]);
});

it('A look-up for one request is answered by what others share in the store, alone and among others', async () => {
  const store = memoryStore();
  const cache = await buildCache({ store, process: false });
  await cache.set('a', 'shared', { ttl: '1h' });
  expect(await cache.getOrSetMany(['a'], (keys) => keys.map((key) => [key, 'own']), requestOnly)).toEqual(['shared']);
  expect(await cache.getOrSet('a', () => 'own', requestOnly)).toBe('shared');
  await cache.close();
});
