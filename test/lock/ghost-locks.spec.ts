import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard } from '../../src/store/store.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('An `add` that was never answered', () => {
  const deadlineMs = 500;
  let clock: VirtualClock;
  let shard: Shard;
  /** When it was looked for, in milliseconds from the answer on. */
  let looks: number[];

  /** Asks for the lock, and lets a minute go by after the answer. */
  async function isLookedFor(): Promise<void> {
    const store = memoryStore({ clock });
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

  it('is looked for after 20 ms, each pause twice the one before, until it can not arrive any more', async () => {
    await isLookedFor();
    expect(looks).toEqual([20, 60, 140, 300, 620, 1_260, 2_540]);
  });

  it('is looked for every two seconds at last where the store is away, until its life would be over', async () => {
    isAway = true;
    await isLookedFor();
    expect(looks).toEqual([20, 60, 140, 300, 620, 1_260, 2_540, 4_540, 6_540, 8_540, 10_540, 12_540]);
  });
});
