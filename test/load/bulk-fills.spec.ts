import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { sinceLastUsed } from '../../src/catalogue/lives/since.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { ItemWrite, Shard, Store, WriteOutcome } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';
import { storeBehind } from '../../src/origin/shard-behind.js';

const scope = new RequestScope();
let clock: FakeClock;
let shared: Store;
let cache: TieredCache;
/** Another process, that keeps nothing near. */
let other: TieredCache;
/** The keys of each round trip that wrote several. */
let together: string[][];
let canWriteMany: boolean;

/** A store in memory that can write several in one round trip, as memcached can. */
function writingMany(store: Store): Store {
  return storeBehind(store, (shard: Shard) =>
    shardWith(shard, {
      writeMany: async (writes: readonly ItemWrite[]): Promise<WriteOutcome[]> => {
        if (!canWriteMany) throw new StoreUnavailableError('memory', 'it was made unreachable');
        together.push(writes.map(({ storeKey }) => storeKey.replace(/.*:/, '')));
        return Promise.all(writes.map(({ storeKey, bytes, options }) => shard.write(storeKey, bytes, options)));
      },
    }),
  );
}

beforeEach(async () => {
  clock = new FakeClock();
  shared = memoryStore({ clock, maxItemBytes: 1_000 });
  together = [];
  canWriteMany = true;
  cache = await buildCache({ store: writingMany(shared), clock, scope });
  other = await buildCache({ name: 'other', store: shared, clock, process: false });
  for (const one of [cache, other]) await one.lookup('anything');
});
afterEach(() => Promise.all([cache.close(), other.close()]));

const keys = ['a', 'b', 'c'];
const values = (named: readonly unknown[]): [string, unknown][] =>
  named.map((key) => [key as string, `value of ${String(key)}`]);
const bulk = (
  options?: EntryOptions<unknown>,
  load: (named: readonly string[]) => [string, unknown][] | Promise<[string, unknown][]> = values,
): Promise<unknown[]> => cache.getOrSetMany<unknown, string>(keys, load, options);
const stored = async (): Promise<unknown[]> =>
  (await other.getMany(keys)).map((one) => (one.hit ? one.value : one.reason));
const all = keys.map((key) => `value of ${key}`);

describe('What a bulk has loaded', () => {
  it('is stored in one round trip where nothing is special about it', async () => {
    expect(await bulk({ ttl: '1h' })).toEqual(all);
    expect(together).toEqual([keys]);
    expect(await stored()).toEqual(all);
  });

  it('is not stored where cacheIf turns it down', async () => {
    expect(await bulk({ ttl: '1h', cacheIf: (value) => value !== 'value of b' })).toEqual(all);
    expect(together).toEqual([]);
    expect(await stored()).toEqual(['value of a', 'absent', 'value of c']);
  });

  it('has the tags that its options name, and those that its loader names', async () => {
    await bulk({ ttl: '1h', tags: ['t'] });
    expect(await stored()).toEqual(all);
    await other.invalidateTags('t');
    expect(await stored()).toEqual(['invalidated', 'invalidated', 'invalidated']);
    await cache.deleteMany(keys);
    await cache.getOrSetMany<unknown, string>(keys, (named, { tag }) => (tag('u'), values(named)), { ttl: '1h' });
    await other.invalidateTags('u');
    expect(await stored()).toEqual(['invalidated', 'invalidated', 'invalidated']);
    expect(together).toEqual([]);
  });

  it('has the tags of what its loader was given, with inheritTags', async () => {
    const load = async (named: readonly unknown[]): Promise<[string, unknown][]> => {
      await cache.getOrSet('part', () => 1, { ttl: '1h', tags: ['of the part'] });
      return values(named);
    };
    await bulk({ ttl: '1h', inheritTags: true }, load);
    await other.invalidateTags('of the part');
    expect(await stored()).toEqual(['invalidated', 'invalidated', 'invalidated']);
  });

  it('lives as long as its negative answers may, where it is one', async () => {
    const load = (named: readonly unknown[]): [string, unknown][] => values(named).slice(0, 2);
    expect(await bulk({ ttl: '1h', negative: { ttl: '1m' } }, load)).toEqual(['value of a', 'value of b', null]);
    await clock.advance('2m');
    expect(await stored()).toEqual(['value of a', 'value of b', 'absent']);
  });

  it('has its life told once for each, also where one of them can’t be told', async () => {
    const told: unknown[] = [];
    const freshUntil = ({ createdAt, value }: { createdAt: number; value: unknown }): number => {
      told.push(value);
      if (value === 'value of b') throw new Error('it has no life');
      return createdAt + 1_000;
    };
    await expect(bulk({ ttl: { description: 'one second', freshUntil } })).rejects.toThrow('it has no life');
    expect(told).toEqual(all);
  });

  it('slides with its uses, where its life does', async () => {
    await bulk({ ttl: sinceLastUsed('10s', { maxAge: '1h' }) });
    await clock.advance('9s');
    expect(await stored()).toEqual(all);
    await clock.advance('9s');
    expect(await stored()).toEqual(['absent', 'absent', 'absent']);
    expect(together).toEqual([]);
  });

  it('is not stored where tiers leave the store out, nor with a life of 0', async () => {
    await bulk({ ttl: '1h', tiers: ['process'] });
    expect(await stored()).toEqual(['absent', 'absent', 'absent']);
    await cache.deleteMany(keys);
    expect(await bulk({ ttl: () => 0 })).toEqual(all);
    expect(await stored()).toEqual(['absent', 'absent', 'absent']);
  });

  it('is not stored where it was over before it was there, and that is said', async () => {
    const events = recordEvents('loadRefused', 'fault');
    const load = async (named: readonly unknown[]): Promise<[string, unknown][]> => {
      await clock.advance('2s');
      return values(named);
    };
    expect(await bulk({ ttl: '1s' }, load)).toEqual(all);
    expect(events.of('loadRefused').map(({ key, reason }) => [key, reason])).toEqual(
      keys.map((key) => [key, 'expired']),
    );
    expect(events.of('fault').map(({ kind }) => kind)).toEqual(keys.map(() => 'degraded'));
    expect(await stored()).toEqual(['absent', 'absent', 'absent']);
    events.stop();
  });

  it('is answered where it can’t be encoded, is too large or can’t be stored: each is told for what it is', async () => {
    const events = recordEvents('loadRefused');
    const large = 'x'.repeat(2_000);
    expect(
      await bulk({ ttl: '1h' }, () => [
        ['a', 1],
        ['b', large],
        ['c', 3],
      ]),
    ).toEqual([1, large, 3]);
    expect(await stored()).toEqual([1, 'absent', 3]);
    expect(events.of('loadRefused').map(({ key, reason }) => [key, reason])).toEqual([['b', 'too-large']]);
    await cache.deleteMany(keys);
    await expect(
      bulk({ ttl: '1h' }, () => [
        ['a', 1],
        ['b', () => {}],
        ['c', 3],
      ]),
    ).rejects.toMatchObject({
      code: 'UNENCODABLE_VALUE',
    });
    await cache.deleteMany(keys);
    events.clear();
    canWriteMany = false;
    expect(await bulk({ ttl: '1h' })).toEqual(all);
    expect(events.of('loadRefused').map(({ key, reason }) => [key, reason])).toEqual(
      keys.map((key) => [key, 'unavailable']),
    );
    // The process goes on with them: whether the store has them is not known.
    expect(keys.map((key) => cache.peek(key))).toEqual(all);
    events.stop();
  });

  it('is refused where it was invalidated meanwhile, and the rest of it is stored', async () => {
    const load = async (named: readonly unknown[]): Promise<[string, unknown][]> => {
      await other.delete('b');
      return values(named);
    };
    expect(await bulk({ ttl: '1h' }, load)).toEqual(all);
    expect(await stored()).toEqual(['value of a', 'absent', 'value of c']);
    expect(keys.map((key) => cache.peek(key))).toEqual(['value of a', undefined, 'value of c']);
  });

  it('is found by the names that the cache hides keys under', async () => {
    const hidden = await buildCache({ name: 'hidden', store: shared, clock, keySecret: 's'.repeat(32) });
    expect(await hidden.getOrSetMany(keys, values, { ttl: '1h' })).toEqual(all);
    const never = (): never => {
      throw new Error('it was loaded');
    };
    expect(await hidden.getOrSetMany(keys, never, { ttl: '1h' })).toEqual(all);
    expect(await hidden.get('b')).toBe('value of b');
    await hidden.close();
  });
});

describe('A bulk of what is near', () => {
  const life = { ttl: '10s', staleFor: '10s' } as const;
  const newer = (named: readonly unknown[]): [string, unknown][] => named.map((key) => [key as string, 'newer']);

  it('is answered by what is stale, and has it refreshed', async () => {
    await bulk(life);
    await clock.advance('12s');
    expect(await bulk(life, newer)).toEqual(all);
    await clock.advance(1);
    expect(await bulk(life)).toEqual(['newer', 'newer', 'newer']);
  });

  it('has nothing refreshed that its request has read already: the request goes on with that', async () => {
    await scope.run(async () => {
      await bulk(life);
      await clock.advance('12s');
      expect(await bulk(life, newer)).toEqual(all);
      await clock.advance(1);
    });
    expect(await stored()).toEqual(all);
  });
});

describe('A bulk that is forced', () => {
  const forced = (options: EntryOptions<unknown>): Promise<unknown[]> =>
    scope.run(() => {
      scope.forceMiss();
      return bulk(options, (named) => named.map((key) => [key, 'forced']));
    });

  it('replaces what the store holds, and what others load meanwhile', async () => {
    await bulk({ ttl: '1h' });
    let finish = (): void => {};
    const slow = other.getOrSet('d', () => new Promise<string>((resolve) => (finish = () => resolve('slow'))), {
      ttl: '1h',
    });
    await clock.advance(0);
    keys.push('d');
    try {
      expect(await forced({ ttl: '1h' })).toEqual(['forced', 'forced', 'forced', 'forced']);
      finish();
      expect(await slow).toBe('slow');
      expect(await stored()).toEqual(['forced', 'forced', 'forced', 'forced']);
    } finally {
      keys.pop();
    }
  });

  it('takes away what is shared, with a life of 0, and stores nothing', async () => {
    await bulk({ ttl: '1h' });
    expect(await forced({ ttl: 0 })).toEqual(['forced', 'forced', 'forced']);
    expect(cache.peek('a')).toBeUndefined();
  });
});
