import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { openEnvelope } from '../../src/codec/envelope.js';
import type { Change, Invalidation } from '../../src/store/feed.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import {
  ConflictError,
  InvalidKeyError,
  InvalidOptionError,
  StoreUnavailableError,
  UnencodableValueError,
  ValueTooLargeError,
} from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';
import { storeBehind } from '../../src/origin/shard-behind.js';

const life = { ttl: '1h' } as const;
let clock: FakeClock;
let shared: Store;
let cache: TieredCache;
/** Called with what the cache sends, before the store hears of it. */
let onChanges: (changes: readonly Change[]) => Promise<void>;
let onRead: (storeKeys: readonly string[]) => void;

beforeEach(async () => {
  clock = new FakeClock();
  shared = memoryStore({ clock, maxItemBytes: 1_000 });
  onChanges = async () => {};
  onRead = () => {};
  const watched = storeBehind(shared, (shard) =>
    shardWith(shard, {
      invalidate: async (asked: Invalidation) => {
        await onChanges(asked.changes);
        return (shard.invalidate as NonNullable<Shard['invalidate']>).call(shard, asked);
      },
      readMany: async (storeKeys: readonly string[]) => {
        onRead(storeKeys);
        return shard.readMany(storeKeys);
      },
    }),
  );
  cache = await buildCache({ store: watched, clock, random: () => 0.5 });
  await cache.lookup('anything');
});
afterEach(() => cache.close());

/** While a call sleeps, time goes on. */
async function inTime<R>(call: Promise<R>): Promise<R> {
  let isOver = false;
  const over = call.finally(() => (isOver = true));
  over.catch(() => {});
  while (!isOver) await clock.advance(0.5);
  return over;
}

const stored = async (key: string) => {
  const storeKey = cache.storeKey(key);
  const [item] = await shared.shardOf(storeKey).readMany([storeKey]);
  return openEnvelope(storeKey, item?.bytes ?? Buffer.alloc(0));
};

describe('A change in the store that others keep overtaking', () => {
  it('waits up to twice as long before each further try, and is given up after ten', async () => {
    const triedAt: number[] = [];
    onChanges = async () => {
      triedAt.push(clock.monotonic());
      const storeKey = cache.storeKey('n');
      await shared.shardOf(storeKey).write(storeKey, Buffer.from(`${triedAt.length}`), { lifeMs: 1_000_000 });
    };
    let givenUpAt: number | undefined;
    const update = cache.update<number>('n', (n = 0) => n + 1).finally(() => (givenUpAt = clock.monotonic()));
    await expect(inTime(update)).rejects.toThrow(ConflictError);
    expect(triedAt).toHaveLength(10);
    expect(givenUpAt).toBe(triedAt.at(-1));
    const waits = triedAt.slice(1).map((at, index) => at - (triedAt[index] as number));
    expect(waits).toEqual(Array.from({ length: 9 }, (_, tries) => 2.5 * 2 ** tries));
  });

  it('is a removal in the end, where freshness was to be ended', async () => {
    const storeKey = cache.storeKey('k');
    const [shard] = shared.shards;
    await cache.set('k', 'old', { ttl: '1h', staleFor: '1h' });
    let changes = 0;
    onChanges = async (asked) => {
      const [item] = await shard.readMany([storeKey]);
      if (!item || !asked.some((change) => 'write' in change)) return;
      changes++;
      await shard.write(storeKey, item.bytes, { lifeMs: 7_200_000 });
    };
    expect(await inTime(cache.expire('k'))).toBe(true);
    expect(changes).toBe(10);
    expect(await shard.readMany([storeKey])).toEqual([undefined]);
  });

  it('is made from the newer value', async () => {
    await cache.set('n', 1, life);
    let isFirst = true;
    const other = await buildCache({ name: 'other', store: shared, clock });
    onChanges = async () => {
      if (isFirst) expect(await other.set('n', 10, life)).toBe(true);
      isFirst = false;
    };
    expect(await inTime(cache.update<number>('n', (n = 0) => n + 1))).toBe(11);
    expect(await cache.get('n')).toBe(11);
    await other.close();
  });
});

describe('A change whose signal is aborted', () => {
  const reason = new Error('left');
  let changes: number;
  const count = (n = 0): number => {
    changes++;
    return n + 1;
  };
  beforeEach(() => void (changes = 0));

  it('before the call is not made, and nothing is read', async () => {
    let reads = 0;
    onRead = () => void reads++;
    await expect(cache.update<number>('n', count, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect([changes, reads]).toEqual([0, 0]);
  });

  it('while the store is read is not made', async () => {
    const leaving = new AbortController();
    onRead = () => leaving.abort(reason);
    await expect(cache.update<number>('n', count, { signal: leaving.signal })).rejects.toBe(reason);
    expect(changes).toBe(0);
  });

  it('before a further try is not made again', async () => {
    const leaving = new AbortController();
    onChanges = async () => {
      leaving.abort(reason);
      const storeKey = cache.storeKey('n');
      await shared.shardOf(storeKey).write(storeKey, Buffer.from('1'), { lifeMs: 1_000_000 });
    };
    let reads = 0;
    onRead = () => void reads++;
    await expect(inTime(cache.update<number>('n', count, { signal: leaving.signal }))).rejects.toBe(reason);
    expect([changes, reads]).toEqual([1, 1]);
  });
});

describe('The life of an entry that is changed', () => {
  it('goes on, unless a ttl is named', async () => {
    await cache.set('n', 1, { ttl: '10s', staleFor: '5s' });
    const { freshUntil, staleUntil } = await stored('n');
    await clock.advance('4s');
    await cache.update<number>('n', (n = 0) => n + 1);
    expect(await stored('n')).toMatchObject({ freshUntil, staleUntil });
    await cache.update<number>('n', (n = 0) => n + 1, { ttl: '10s' });
    expect(await stored('n')).toMatchObject({ freshUntil: clock.now() + 10_000 });
  });

  it('begins where there was none', async () => {
    await cache.update<number>('n', (n = 0) => n + 1);
    expect(await cache.get('n')).toBe(1);
    expect((await stored('n')).createdAt).toBe(clock.now());
  });

  it('can’t be 0, which would leave nothing to compare with', async () => {
    await expect(cache.update('n', () => 1, { ttl: 0 })).rejects.toThrow('a life of 0 keeps nothing to compare with');
    await expect(cache.setIfAbsent('n', 1, { ttl: 0 })).rejects.toThrow('a life of 0 keeps nothing to compare with');
  });
});

describe('What can’t be written', () => {
  it('is said to be too large by update and setIfAbsent, at once', async () => {
    const large = 'x'.repeat(2_000);
    await expect(cache.update('k', () => large, life)).rejects.toThrow(ValueTooLargeError);
    await expect(cache.setIfAbsent('k', large, life)).rejects.toThrow(ValueTooLargeError);
  });

  it('is said to be too large by set as well, in a fault, and the store holds nothing', async () => {
    const faults = recordEvents('fault');
    await cache.set('k', 'before', life);
    expect(await cache.set('k', 'x'.repeat(2_000), life)).toBe(false);
    faults.stop();
    expect(faults.of('fault')).toMatchObject([{ kind: 'too-large', key: 'k' }]);
    const storeKey = cache.storeKey('k');
    expect(await shared.shardOf(storeKey).readMany([storeKey])).toEqual([undefined]);
  });

  it('is followed by nothing of before, here as elsewhere, where it was to change that', async () => {
    await cache.set('k', 'before', life);
    await expect(cache.update('k', () => 'x'.repeat(2_000), life)).rejects.toThrow(ValueTooLargeError);
    expect(await cache.get('k')).toBeUndefined();
  });

  it('is undefined: that is what a miss looks like', async () => {
    const set = cache.set('k', undefined, life);
    await expect(set).rejects.toThrow(UnencodableValueError);
    await expect(set).rejects.toThrow('undefined is what a miss looks like');
  });

  it('is an entry whose tags the store refuses to look up: the refusal is what the caller is told', async () => {
    onRead = (storeKeys) => {
      if (storeKeys.some((key) => key.includes('~tag:'))) throw new InvalidKeyError('the store refuses it');
    };
    await expect(cache.set('k', 1, { ...life, tags: ['t'] })).rejects.toThrow(InvalidKeyError);
    expect(await cache.get('k')).toBeUndefined();
  });
});

describe('What is written', () => {
  it('cost no load, and is kept by the store for no less than its life', async () => {
    const writes: Change[] = [];
    onChanges = async (changes) => void writes.push(...changes.filter((change) => 'write' in change));
    await cache.set('set', 1, life);
    await cache.setIfAbsent('absent', 1, life);
    await cache.update('updated', () => 1, life);
    expect(writes).toHaveLength(3);
    for (const write of writes) expect(write).toMatchObject({ options: { lifeMs: 3_600_000, neverShorter: true } });
    for (const key of ['set', 'absent', 'updated']) expect((await stored(key)).loadCostMs).toBe(0);
  });

  it('is told to the other processes also where there is nothing of it to store: a life of 0', async () => {
    await cache.set('k', 'old', life);
    expect(await cache.set('k', 'new', { ttl: 0 })).toBe(true);
    const storeKey = cache.storeKey('k');
    expect(await shared.shardOf(storeKey).readMany([storeKey])).toEqual([undefined]);
    expect(await cache.get('k')).toBeUndefined();
  });
});

describe('A set during which everything is cleared', () => {
  /** Clears before so many of its tries arrive. */
  async function clearedTimes(times: number): Promise<boolean> {
    const other = await buildCache({ name: 'other', store: shared, clock });
    await other.lookup('anything');
    let left = times;
    onChanges = async (changes) => {
      if (changes.some((change) => 'write' in change) && left-- > 0) await other.dangerouslyClear();
    };
    const isStored = await inTime(cache.set('k', 1, life));
    onChanges = async () => {};
    await other.close();
    return isStored;
  }

  it('is sent again under the new list of versions, twice', async () => {
    expect(await clearedTimes(2)).toBe(true);
    expect(await cache.get('k')).toBe(1);
  });

  it('again and again is acknowledged, and stays cleared', async () => {
    expect(await clearedTimes(3)).toBe(true);
    expect((await cache.status()).unacknowledgedWrites).toBe(0);
    expect(await cache.get('k')).toBeUndefined();
  });
});

describe('What its process holds of a key that is written', () => {
  it.each([
    ['set', () => cache.set('k', 'new', life)],
    ['delete', () => cache.delete('k')],
    ['invalidateTags', () => cache.invalidateTags('t')],
    ['expire', () => cache.expire('k')],
  ])('goes at once, before the store has heard of it: %s', async (_, write) => {
    await cache.set('k', 'old', { ...life, tags: ['t'] });
    expect(cache.peek('k')).toBe('old');
    let seen: unknown = 'nothing was sent';
    onChanges = async () => void (seen = cache.peek('k'));
    expect(await write()).toBe(true);
    expect(seen).toBeUndefined();
  });

  it.each([
    ['set', (one: TieredCache) => one.set('k', 'new', life)],
    ['update', (one: TieredCache) => one.update('k', () => 'new', life)],
    ['setIfAbsent', (one: TieredCache) => one.setIfAbsent('k', 'new', life)],
  ])('is what its request goes on with, also where the process keeps nothing: %s', async (_, write) => {
    const scope = new RequestScope();
    const alone = await buildCache({ name: 'alone', store: shared, clock, scope, process: false });
    await scope.run(async () => {
      await write(alone);
      expect(alone.peek('k')).toBe('new');
    });
    expect(alone.peek('k')).toBeUndefined();
    await alone.close();
  });
});

describe('A store that refuses', () => {
  it.each([
    ['set', () => cache.set('k', 1, life)],
    ['delete', () => cache.delete('k')],
    ['expire', () => cache.expire('k')],
    ['update', () => cache.update('k', () => 1, life)],
  ])('is a mistake that the caller is told of: %s', async (_, write) => {
    await cache.set('k', 'old', { ttl: '1h', staleFor: '1h' });
    onChanges = () => Promise.reject(new InvalidKeyError('the store refuses it'));
    await expect(inTime(write() as Promise<unknown>)).rejects.toThrow(InvalidKeyError);
    onChanges = async () => {};
  });

  it('to be reached is asked once by each call', async () => {
    let asked = 0;
    onChanges = () => {
      asked++;
      return Promise.reject(new StoreUnavailableError('memory', 'it was made unreachable'));
    };
    expect(await cache.set('k', 1, life)).toBe(false);
    expect(asked).toBe(1);
    expect(await cache.delete('k')).toBe(false);
    expect(asked).toBe(2);
    onChanges = async () => {};
  });

  it('to compare can neither update nor set if absent, and says so', async () => {
    const store: Store = { ...storeBehind(shared, (shard) => shard) };
    const plain = { ...store, capabilities: { ...store.capabilities, atomic: false } };
    for (const given of [plain, undefined]) {
      const one = await buildCache({ name: 'plain', store: given, clock });
      await expect(one.update('k', () => 1, life)).rejects.toThrow(InvalidOptionError);
      await expect(one.setIfAbsent('k', 1, life)).rejects.toThrow(InvalidOptionError);
      await one.close();
    }
  });
});
