import { describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
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
      sleep: base.sleep.bind(base),
    };
    return { base, clock, suspend: (ms: number) => (suspendedMs += ms) };
  }

  async function lease(name: (typeof storePlaceNames)[number] = 'memory') {
    const { clock, suspend } = suspendable();
    const place = await storePlaces[name]();
    const store = place.connect();
    await store.open();
    const locks = new CacheLock({ store, namespace: 'test', clock });
    const outcome = await locks.acquire('a', { ttl: '5s', renew: false });
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    const end = async (): Promise<void> => {
      await store.close();
      await place.remove();
    };
    return { lease: outcome.lease, suspend, end };
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

  it('goes on where the wall clock was set back, and ends by the monotonic one', async () => {
    const { lease: own, suspend, end } = await lease();
    suspend(-3_600_000);
    expect(own.signal.aborted).toBe(false);
    await own.release();
    await end();
  });
});
