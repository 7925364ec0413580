import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { InvalidKeyError, StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';

const scope = new RequestScope();
const hour = { ttl: '1h' } as const;
let clock: FakeClock;
let shared: Store;
/** What is done before the store is asked for a key with the intent to load it. */
let beforeReading: (storeKey: string) => void;
let cache: TieredCache;
/** Another process. */
let other: TieredCache;

/** A store of two parts that share nothing but their items. `b` lies in the second. */
function inTwoParts(store: Store): Store {
  const behind = (shard: Shard): Shard => {
    const readOrStub = async (storeKeys: readonly string[], stubMs: number): Promise<unknown> => {
      storeKeys.forEach(beforeReading);
      return shard.readOrStub(storeKeys, stubMs);
    };
    return shardWith(shard, { readOrStub, readInto: undefined });
  };
  const first = storeBehind(store, behind);
  const [second] = storeBehind(store, behind).shards;
  return {
    ...first,
    shards: [first.shards[0], second],
    shardOf: (storeKey) => (storeKey.endsWith('b') ? second : first.shards[0]),
  };
}

beforeEach(async () => {
  clock = new FakeClock();
  shared = memoryStore({ clock });
  beforeReading = () => {};
  cache = await buildCache({ store: inTwoParts(shared), clock, scope });
  other = await buildCache({ name: 'other', store: shared, clock, process: false });
  for (const one of [cache, other]) await one.lookup('anything');
});
afterEach(() => Promise.all([cache.close(), other.close()]));

const values = (keys: readonly string[]): [string, string][] => keys.map((key) => [key, `value of ${key}`]);
/** Loads at once if nobody else has the right to; else it would wait. */
const isFree = async (key: string): Promise<boolean> => {
  let isLoaded = false;
  const asked = other.getOrSet(key, () => ((isLoaded = true), 'loaded by another'), hour);
  await clock.advance(0);
  const wasFree = isLoaded;
  await clock.advance('4s');
  await asked;
  return wasFree;
};

describe('The right to load', () => {
  it('is given back by a bulk of which another part could not be asked', async () => {
    beforeReading = (storeKey) => {
      if (storeKey.endsWith('b')) throw new InvalidKeyError('this part refuses it');
    };
    await expect(cache.getOrSetMany(['a', 'b'], values, hour)).rejects.toThrow(InvalidKeyError);
    expect(await isFree('a')).toBe(true);
  });

  it('is given back by a forced bulk of which another part could not be asked', async () => {
    beforeReading = (storeKey) => {
      if (storeKey.endsWith('b')) throw new InvalidKeyError('this part refuses it');
    };
    const forced = scope.run(() => (scope.forceMiss(), cache.getOrSetMany(['a', 'b'], values, hour)));
    await expect(forced).rejects.toThrow(InvalidKeyError);
    expect(await isFree('a')).toBe(true);
  });

  it.each([
    ['away', new StoreUnavailableError('memory', 'it is away')],
    ['refused', new InvalidKeyError('the store refuses it')],
  ])('is given back where the keys that the request alone keeps are %s before it is won', async (_, error) => {
    const own = defineKey('own:{id}', { ttl: 0 })({ id: '1' });
    const slow = storeBehind(shared, (shard) =>
      shardWith(shard, {
        readInto: undefined,
        readMany: (storeKeys: readonly string[]) =>
          storeKeys.some((key) => key.includes('own')) ? Promise.reject(error) : shard.readMany(storeKeys),
        readOrStub: async (storeKeys: readonly string[], stubMs: number) => {
          const items = await shard.readOrStub(storeKeys, stubMs);
          await turn();
          return items;
        },
      }),
    );
    const one = await buildCache({ name: 'one', store: slow, clock });
    await one.lookup('anything');
    const asked = one.getOrSetMany([own, 'a'], (keys) => keys.map((key) => [key, 'loaded']));
    await asked.catch(() => {});
    expect(await isFree('a')).toBe(true);
    await one.close();
  });

  it('of what another process gave up is used at once, though other keys are waited for still', async () => {
    const slow = other.getOrSet('b', () => clock.sleep(10_000).then(() => 'slow'), hour);
    const fails = other.getOrSet('a', () => clock.sleep(100).then(() => Promise.reject(new Error('down'))), {
      ...hour,
      failureHold: 0,
    });
    const failed = expect(fails).rejects.toThrow('down');
    await clock.advance(0);
    const loaded: string[] = [];
    const bulk = cache.getOrSetMany(
      ['a', 'b'],
      (keys: readonly string[]) => (loaded.push(...keys), values(keys)),
      hour,
    );
    await clock.advance('5s');
    await failed;
    expect(loaded).toEqual(['a']);
    expect(await other.get('a')).toBe('value of a');
    await clock.advance('6s');
    expect(await bulk).toEqual(['value of a', 'slow']);
    expect(await slow).toBe('slow');
  });

  describe('is given back where the code of the caller throws', () => {
    const away = (): never => {
      throw new StoreUnavailableError('of something else', 'it is away');
    };
    it.each<[string, EntryOptions<string>]>([
      ['cacheIf', { cacheIf: away }],
      ['ttl', { ttl: away }],
    ])('%s, even as if the store were away', async (_, options) => {
      await expect(cache.getOrSet('a', () => 'loaded', { ...hour, ...options })).rejects.toThrow('away');
      expect(await isFree('a')).toBe(true);
      await expect(cache.getOrSetMany(['b', 'c'], values, { ...hour, ...options })).rejects.toThrow('away');
      expect([await isFree('b'), await isFree('c')]).toEqual([true, true]);
    });

    it.each(['one', 'many'])('staleIfError, whose caller is given the error of the loader (%s)', async (kind) => {
      const events = recordEvents('fault');
      const down = (): never => {
        throw new Error('the source is down');
      };
      const options = {
        ...hour,
        staleIfError: (): never => {
          throw new TypeError('a slip');
        },
      };
      const asked =
        kind === 'one'
          ? cache.getOrSet('a', down, options)
          : cache.getOrSetMany<string, string>(['a', 'c'], down, options);
      await expect(asked).rejects.toThrow('the source is down');
      expect(await isFree('a')).toBe(true);
      expect(events.of('fault').map(({ key, cause }) => [key, cause])).toContainEqual(['a', new TypeError('a slip')]);
      events.stop();
    });
  });

  it('where staleIfError throws, what is stale stays, and the error of the loader is the answer', async () => {
    const options = {
      ttl: '1s',
      staleFor: '1h',
      timeout: { soft: '1s' },
      staleIfError: (): never => {
        throw new TypeError('a slip');
      },
    } as const;
    await cache.set('a', 'stale', options);
    await clock.advance('2s');
    const down = (): never => {
      throw new Error('the source is down');
    };
    await expect(cache.getOrSet('a', down, options)).rejects.toThrow('the source is down');
    expect(await other.lookup('a')).toMatchObject({ value: 'stale' });
  });
});

describe('A forced bulk with a life of 0', () => {
  it('takes away what is shared under each key', async () => {
    for (const key of ['a', 'b']) await other.set(key, 'there', hour);
    await scope.run(() => (scope.forceMiss(), cache.getOrSetMany(['a', 'b'], values, { ttl: 0 })));
    expect(await other.getMany(['a', 'b'])).toMatchObject([{ hit: false }, { hit: false }]);
  });
});
