import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { GhostLocks } from '../../src/lock/ghost-locks.js';
import type { Lease } from '../../src/lock/lease.js';
import { placeNamed } from '../../src/lock/lock-place.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store, StoreCapabilities } from '../../src/store/store.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { shardWith } from '../support/shard-with.js';
import { leaseOf } from './support/open-locks.js';

/** The store, as one that reaches so far. */
const reaching = (store: Store, reach: StoreCapabilities['reach']): Store =>
  Object.create(store, { capabilities: { value: { ...store.capabilities, reach } } }) as Store;
const storeOf = (store: Store, shard: Shard): Store =>
  Object.create(store, { shardOf: { value: () => shard } }) as Store;

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('An `add` that was never answered', () => {
  const deadlineMs = 500;
  let clock: VirtualClock;
  let shard: Shard;
  /** When it was looked for, in milliseconds from the answer on. */
  let looks: number[];

  /** Asks for the lock, and lets a minute go by after the answer. */
  async function isLookedFor(reach: StoreCapabilities['reach']): Promise<void> {
    const store = reaching(memoryStore({ clock }), reach);
    [shard] = store.shards;
    shard.write = () => new Promise(() => {});
    const locks = new CacheLock({ store, namespace: 'test', clock, ttl: '10s', deadline: deadlineMs });
    const acquiring = locks.acquire('a');
    await settle();
    await clock.advanceTo(clock.monotonic() + deadlineMs, settle);
    expect((await acquiring).status).toBe('unavailable');
    const answeredAt = clock.monotonic();
    const read = shard.readMany.bind(shard);
    shard.readMany = (keys) => {
      looks.push(clock.monotonic() - answeredAt);
      return isAway ? Promise.reject(new StoreUnavailableError('memory', 'it is away')) : read(keys);
    };
    await clock.advanceTo(answeredAt + 60_000, settle);
  }
  let isAway: boolean;
  beforeEach(() => {
    clock = new VirtualClock();
    looks = [];
    isAway = false;
  });

  it('is looked for after 20 ms, each pause twice the one before, until its connection was closed long ago', async () => {
    await isLookedFor('fleet');
    expect(looks).toEqual([20, 60, 140, 300, 620, 1_260, 2_540]);
  });

  it('is looked for every two seconds at last where the store is away, for a day', async () => {
    isAway = true;
    await isLookedFor('fleet');
    expect(looks.slice(0, 10)).toEqual([20, 60, 140, 300, 620, 1_260, 2_540, 4_540, 6_540, 8_540]);
    expect(looks.at(-1)).toBe(58_540);
    const dayMs = 24 * 3_600_000;
    await clock.advanceTo(clock.monotonic() + dayMs, settle);
    expect(looks.at(-1)).toBeGreaterThanOrEqual(dayMs);
    expect(looks.at(-1)).toBeLessThan(dayMs + 2_100);
  });

  it.each(['fleet', 'host'] as const)(
    'is removed when it arrives late, after the life that it asked for: a server in reach of the %s was stopped, and goes on',
    async (reach) => {
      const store = reaching(memoryStore({ clock }), reach);
      const [whole] = store.shards;
      const goesOnAt = clock.monotonic() + 200_000;
      const silence = new StoreUnavailableError('memory', 'it is stopped');
      let arrive = (): void => {};
      const write: Shard['write'] = async (...args) => {
        arrive = () => void whole.write(...args);
        throw silence;
      };
      const readMany: Shard['readMany'] = (keys) => {
        if (clock.monotonic() < goesOnAt) return Promise.reject(silence);
        if (looks.push(clock.monotonic()) === 1) clock.after(1_000, arrive);
        return whole.readMany(keys);
      };
      const stopped = shardWith(whole, { write, readMany });
      const locksOn = (of: Shard): CacheLock =>
        new CacheLock({ store: storeOf(store, of), namespace: 'test', clock, ttl: '1m' });
      const acquiring = locksOn(stopped).acquire('a');
      await settle();
      await clock.advanceTo(clock.monotonic() + deadlineMs, settle);
      expect((await acquiring).status).toBe('unavailable');
      await clock.advanceTo(goesOnAt + 2_000, settle);
      const [firstLook] = looks as [number];
      await clock.advanceTo(firstLook + 1_000, settle);
      const others = locksOn(whole);
      expect((await others.acquire('a')).status).toBe('held');
      await clock.advanceTo(firstLook + 2_000, settle);
      expect((await others.acquire('a')).status).toBe('acquired');
      // Nothing is left to look for.
      const { length } = looks;
      await clock.advanceTo(firstLook + 120_000, settle);
      expect(looks).toHaveLength(length);
    },
  );

  it.each(['host', 'process'] as const)(
    'is looked for until its life would be over where a store that reaches the %s has no connection to close',
    async (reach) => {
      await isLookedFor(reach);
      expect(looks).toEqual([20, 60, 140, 300, 620, 1_260, 2_540, 4_540, 6_540, 8_540, 10_540, 12_540, 14_540]);
    },
  );

  it('is looked for at the first pace again when another one of the same lock was not answered', async () => {
    const store = reaching(memoryStore({ clock }), 'host');
    [shard] = store.shards;
    shard.write = () => new Promise(() => {});
    const locks = new CacheLock({ store, namespace: 'test', clock, ttl: '1m', deadline: deadlineMs });
    const acquire = async (): Promise<void> => {
      const acquiring = locks.acquire('a');
      await settle();
      await clock.advanceTo(clock.monotonic() + deadlineMs, settle);
      expect((await acquiring).status).toBe('unavailable');
    };
    await acquire();
    await clock.advanceTo(clock.monotonic() + 30_000, settle);
    await acquire();
    const answeredAt = clock.monotonic();
    const read = shard.readMany.bind(shard);
    shard.readMany = (keys) => {
      looks.push(clock.monotonic() - answeredAt);
      return read(keys);
    };
    await clock.advanceTo(answeredAt + 150, settle);
    expect(looks).toEqual([20, 60, 140]);
  });

  it('is removed when it arrives late, as from a disk that hung', async () => {
    const store = reaching(memoryStore({ clock }), 'host');
    const [whole] = store.shards;
    const late: Shard['write'] = async (...args) => {
      clock.after(5_000, () => void whole.write(...args));
      throw new StoreUnavailableError('disk', 'it hangs');
    };
    const hanging = shardWith(whole, { write: late });
    const locksOn = (of: Shard): CacheLock =>
      new CacheLock({ store: storeOf(store, of), namespace: 'test', clock, ttl: '1m' });
    const acquiring = locksOn(hanging).acquire('a');
    await settle();
    await clock.advanceTo(clock.monotonic() + deadlineMs, settle);
    expect((await acquiring).status).toBe('unavailable');
    const others = locksOn(whole);
    await clock.advanceTo(clock.monotonic() + 4_600, settle);
    expect((await others.acquire('a')).status).toBe('held');
    await clock.advanceTo(clock.monotonic() + 5_000, settle);
    expect((await others.acquire('a')).status).toBe('acquired');
  });
});

describe('More than a thousand places that are looked at', () => {
  it('are not: one that does not answer makes room for the next, and one that answers does not', async () => {
    const clock = new VirtualClock();
    const [whole] = memoryStore({ clock }).shards;
    const isWatched: boolean[] = [];
    const ghosts = new GhostLocks(clock, 500, true, () => {});
    const lost = (number: number, answers: boolean): void => {
      isWatched[number] = false;
      const readMany: Shard['readMany'] = async (keys) => {
        isWatched[number] = true;
        if (!answers) throw new StoreUnavailableError('memory', 'it is away');
        return keys.map(() => undefined);
      };
      const place = placeNamed(storeOf(memoryStore({ clock }), shardWith(whole, { readMany })), 'test', `${number}`);
      ghosts.watch(place, new Map([['holder', clock.monotonic()]]), 60_000);
    };
    /** Those that are looked at within the longest pause. */
    const watched = async (): Promise<number[]> => {
      isWatched.fill(false);
      await clock.advanceTo(clock.monotonic() + 2_000, settle);
      return [...isWatched.keys()].filter((number) => isWatched[number]);
    };
    for (let number = 0; number < 1_000; number++) lost(number, number !== 1 && number !== 2);
    await clock.advanceTo(clock.monotonic() + 20, settle);
    for (let number = 1_000; number < 1_003; number++) lost(number, true);
    const left = await watched();
    expect(left).toHaveLength(1_000);
    expect(left).not.toContain(1);
    expect(left).not.toContain(2);
    expect(left.slice(-2)).toEqual([1_000, 1_001]);
    await ghosts.stop();
  });
});

describe('A release that was not answered, once the store is back', () => {
  let clock: VirtualClock;
  let shard: Shard;
  let locks: CacheLock;
  let isAway: boolean;

  beforeEach(() => {
    clock = new VirtualClock();
    const store = memoryStore({ clock });
    [shard] = store.shards;
    isAway = false;
    const read = shard.readMany.bind(shard);
    shard.readMany = (keys) => {
      return isAway ? Promise.reject(new StoreUnavailableError('memory', 'it is away')) : read(keys);
    };
    locks = new CacheLock({ store, namespace: 'test', clock, ttl: '1m', random: () => 0 });
  });

  const go = (ms: number): Promise<void> => clock.advanceTo(clock.monotonic() + ms, settle);

  /** Three tries, 20 and 40 ms apart. */
  async function releasedInVain(lease: Lease): Promise<void> {
    isAway = true;
    const releasing = lease.release();
    await settle();
    await go(60);
    expect(await releasing).toBe('unknown');
    isAway = false;
  }

  it('wakes whoever waits in this process as soon as the lock is removed', async () => {
    const lease = leaseOf(await locks.acquire('a', { renew: false }));
    const waiting = locks.acquire('a', { wait: '1m', renew: false });
    await settle();
    // It looks every 250 ms by then, and did so just now.
    await go(5_150);
    await releasedInVain(lease);
    await go(20);
    expect((await Promise.race([waiting, settle().then(() => undefined)]))?.status).toBe('acquired');
  });

  it('is looked for no more after a shutdown, which waits for a look that is under way', async () => {
    await releasedInVain(leaseOf(await locks.acquire('a', { renew: false })));
    let looks = 0;
    let answer = (): void => {};
    shard.readMany = async () => {
      looks++;
      await new Promise<void>((resolve) => (answer = resolve));
      return [undefined];
    };
    await go(20);
    expect(looks).toBe(1);
    let isOver = false;
    const shutdown = locks.shutdown(0).then(() => (isOver = true));
    await settle();
    await go(1);
    expect(isOver).toBe(false);
    answer();
    await shutdown;
    await go(60_000);
    expect(looks).toBe(1);
  });
});
