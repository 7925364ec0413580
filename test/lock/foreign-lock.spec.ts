import { describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { assertFencingToken } from '../../src/lock/fencing-counter.js';
import { placeLock } from '../../src/lock/lock-place.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { maxCounter } from '../../src/store/sound-counter.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { recordEvents } from '../support/recorded-events.js';
import { leaseOf } from './support/open-locks.js';

describe('What no holder has written under the key of a lock', () => {
  it('counts as held for as long as it stands, and is reported once by each who waits', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    const locks = new CacheLock({ store, namespace: 'test', clock });
    const { lockKey } = placeLock(store, 'test', 'a');
    await store.shardOf(lockKey).write(lockKey, Buffer.from('anything'), { lifeMs: 60_000 });
    const faults = recordEvents('fault');
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const waiting = locks.acquire('a', { wait: '10s' });
    for (let step = 0; step < 100; step++) {
      for (let turn = 0; turn < 5; turn++) await settle();
      await clock.advanceTo(clock.monotonic() + 150, settle);
    }
    expect(await waiting).toMatchObject({ status: 'held' });
    const fault = expect.objectContaining({ kind: 'undecodable', key: lockKey }) as unknown;
    expect(faults.all).toEqual([fault]);
    let looks = 0;
    const [shard] = store.shards;
    const read = shard.readMany.bind(shard);
    shard.readMany = (keys) => (looks++, read(keys));
    expect(await locks.acquire('a')).toMatchObject({ status: 'held' });
    expect([looks, faults.all]).toEqual([1, [fault, fault]]);
    faults.stop();
    await store.shardOf(lockKey).remove(lockKey);
    expect(await leaseOf(await locks.acquire('a', { renew: false })).release()).toBe('released');
  });
});

describe('A fencing token', () => {
  const locks = new CacheLock({ store: memoryStore(), namespace: 'test' });

  it.each([0, 1, maxCounter, maxCounter + 1])('may be %d', (above) => {
    expect(() => assertFencingToken(above)).not.toThrow();
  });

  it.each([-1, 1.5, NaN, Number.MAX_SAFE_INTEGER, Infinity])('is never %d', async (above) => {
    expect(() => assertFencingToken(above)).toThrow(InvalidOptionError);
    await expect(locks.repairFencing('a', above)).rejects.toThrow(InvalidOptionError);
  });

  it('is accepted of one holder alone, whatever somebody has put under the counter', async () => {
    const store = memoryStore();
    const [one, other] = [new CacheLock({ store, namespace: 'test' }), new CacheLock({ store, namespace: 'test' })];
    const { shard, fencingKey } = placeLock(store, 'test', 'a');
    await shard.increment(fencingKey, 0, maxCounter - 1);
    const given: number[] = [];
    /** What the resource has accepted last; it takes the same number again. */
    let accepted = 0;
    for (const holder of [one, one, other, one, other]) {
      await holder.using('a', {}, async (lease) => {
        if (lease.fencingToken < accepted) await lease.raiseFencingToken(accepted);
        accepted = lease.fencingToken;
        given.push(accepted);
      });
    }
    expect(new Set(given).size).toBe(given.length);
  });

  it('is lifted above no number that leaves the counter no room to count on', async () => {
    await expect(locks.repairFencing('a', maxCounter)).rejects.toThrow(InvalidOptionError);
    const highest = maxCounter - 2 ** 39;
    await locks.repairFencing('a', highest);
    for (let draws = 1; draws <= 3; draws++)
      await locks.using('a', {}, ({ fencingToken }) => expect(fencingToken).toBe(highest + 1 + draws));
  });
});
