import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { Lease } from '../../src/lock/lease.js';
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

  it('is looked for every two seconds at last where the store is away, until its life would be over', async () => {
    isAway = true;
    await isLookedFor('fleet');
    expect(looks).toEqual([20, 60, 140, 300, 620, 1_260, 2_540, 4_540, 6_540, 8_540, 10_540, 12_540, 14_540]);
  });

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
