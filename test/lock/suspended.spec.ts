import { describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { LockOptions } from '../../src/lock/lock-options.js';
import type { Lease } from '../../src/lock/lease.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';

describe('a lock on a machine that was suspended', () => {
  /** A clock whose monotonic half stands still while the wall clock goes on. */
  function suspendable() {
    const base = new FakeClock();
    let suspendedMs = 0;
    const clock = {
      now: () => base.now() + suspendedMs,
      monotonic: base.monotonic,
      after: base.after.bind(base),
      sleep: (ms: number) => base.advance(ms),
    };
    return { base, clock, suspend: (ms: number) => (suspendedMs += ms) };
  }

  async function lease(name: (typeof storePlaceNames)[number] = 'memory', options: LockOptions = {}) {
    const { base, clock, suspend } = suspendable();
    const place = await storePlaces[name]();
    const store = place.connect();
    await store.open();
    const locks = new CacheLock({ store, namespace: 'test', clock });
    const outcome = await locks.acquire('a', { ttl: '5s', renew: false, ...options });
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    const end = async (): Promise<void> => {
      await store.close();
      await place.remove();
    };
    return { base, clock, lease: outcome.lease, suspend, end };
  }

  it.each(storePlaceNames)(
    'T12 on %s knows at its next look that its right is over, though the monotonic clock has missed nine seconds',
    async (name) => {
      const { lease: own, suspend, end } = await lease(name);
      expect(own.signal.aborted).toBe(false);
      suspend(9_000);
      expect(own.signal.aborted).toBe(true);
      expect(() => own.throwIfLost()).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }));
      await own.release();
      await end();
    },
  );

  it('T12 is told within a second, though it looks at nothing and its timers have missed nine', async () => {
    const { base, lease: own, suspend, end } = await lease();
    let reason: unknown;
    own.signal.addEventListener('abort', () => {
      reason = own.signal.reason;
    });
    await base.advance('1s');
    suspend(9_000);
    expect(reason).toBeUndefined();
    await base.advance('1s');
    expect(reason).toMatchObject({ code: 'LEASE_LOST', reason: 'expired' });
    expect(base.waiting).toBe(0);
    await end();
  });

  it('is renewed within a second where a third of its life is over by the wall clock, and not again before another third', async () => {
    const { base, clock, lease: own, suspend, end } = await lease('memory', { ttl: '60s', renew: true });
    const left = (): number => own.validUntil - clock.monotonic();
    await base.advance('1s');
    suspend(45_000);
    expect(left()).toBeLessThan(15_000);
    await base.advance('1s');
    expect(left()).toBeGreaterThan(58_000);
    await base.advance('19s');
    expect(left()).toBeLessThan(41_000);
    await base.advance('1s');
    expect(left()).toBeGreaterThan(58_000);
    expect(own.signal.aborted).toBe(false);
    await own.release();
    expect(base.waiting).toBe(0);
    await end();
  });

  /** Locks in a store of which one write is answered after the machine was suspended: the first is that of the lock, the second draws its number. */
  async function suspendedBefore(ms: number) {
    const { clock, suspend } = suspendable();
    const store = memoryStore();
    await store.open();
    const shard = store.shards[0];
    const write = shard.write.bind(shard);
    let writes = 0;
    let suspendedAt = 0;
    shard.write = async (...given) => {
      const outcome = await write(...given);
      if (++writes === suspendedAt) suspend(ms);
      return outcome;
    };
    const locks = new CacheLock({ store, namespace: 'test', clock });
    const take = async (): Promise<Lease> => {
      const outcome = await locks.acquire('a', { ttl: '5s', renew: false });
      if (outcome.status !== 'acquired') throw new Error(outcome.status);
      return outcome.lease;
    };
    const left = (lease: Lease): number => lease.validUntil - clock.monotonic();
    const suspendAtNext = (nth: number): number => (suspendedAt = writes + nth);
    return { clock, locks, take, left, suspendAtNext, writes: () => writes, end: () => store.close() };
  }

  it.each([
    ['the lock', 1],
    ['its number', 2],
  ])('T12 takes it anew where that happened before the answer to the write of %s', async (_, nth) => {
    const { suspendAtNext, take, left, writes, end } = await suspendedBefore(9_000);
    suspendAtNext(nth);
    const own = await take();
    expect(writes()).toBe(4);
    expect(own.signal.aborted).toBe(false);
    expect(left(own)).toBeGreaterThan(4_500);
    await end();
  });

  it('T12 gives so much less of a right, whether it is won, renewed, or written down', async () => {
    const { suspendAtNext, take, left, clock, locks, end } = await suspendedBefore(2_000);
    suspendAtNext(1);
    const own = await take();
    expect(left(own)).toBeLessThanOrEqual(3_000);
    expect(own.toJSON().validUntilEpochMs).toBeLessThanOrEqual(clock.now() + 3_000);
    suspendAtNext(1);
    expect(await own.renew()).toBe(true);
    expect(left(own)).toBeLessThanOrEqual(3_000);
    const resumed = locks.resume(JSON.stringify(own));
    expect(left(resumed)).toBeLessThanOrEqual(3_000);
    expect(left(resumed)).toBeGreaterThan(2_500);
    await end();
  });

  it('goes on where the wall clock was set back, and ends by the monotonic one', async () => {
    const { lease: own, suspend, end } = await lease();
    suspend(-3_600_000);
    expect(own.signal.aborted).toBe(false);
    await own.release();
    await end();
  });
});
