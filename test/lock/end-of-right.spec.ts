import { describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

describe('The end of a right that is not renewed', () => {
  /** A lease of 5 s, taken an hour after the clock began. Timers fire so much too early. */
  async function lease(earlyMs = 0) {
    const base = new FakeClock();
    await base.advance('1h');
    let suspendedMs = 0;
    const clock = {
      now: () => base.now() + suspendedMs,
      monotonic: base.monotonic,
      after: (delayMs: number, callback: () => void) => base.after(Math.max(1, delayMs - earlyMs), callback),
      sleep: base.sleep.bind(base),
    };
    const store = memoryStore({ clock: base });
    await store.open();
    const locks = new CacheLock({ store, namespace: 'test', clock });
    const outcome = await locks.acquire('a', { ttl: '5s', renew: false });
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    const { lease: own } = outcome;
    const told: number[] = [];
    own.signal.addEventListener('abort', () => told.push(base.monotonic() - 3_600_000));
    const end = async (): Promise<void> => {
      await own.release();
      await store.close();
    };
    return { base, own, told, suspend: (ms: number) => (suspendedMs += ms), end };
  }

  it.each([0, 1])(
    'is told at that instant to whoever listens, without a look, where timers are %d ms early',
    async (ms) => {
      const { base, told, end } = await lease(ms);
      await base.advance(4_900);
      expect(told).toEqual([]);
      await base.advance(200);
      expect(told).toHaveLength(1);
      expect(told[0]).toBeGreaterThan(4_900);
      expect(told[0]).toBeLessThanOrEqual(5_000);
      await end();
      expect(base.waiting).toBe(0);
    },
  );

  it('is that of the wall clock where the machine was suspended, however long it had run before', async () => {
    const { own, suspend, end } = await lease();
    suspend(4_000);
    expect(own.signal.aborted).toBe(false);
    suspend(1_001);
    expect(own.signal.aborted).toBe(true);
    await expect(own.raiseFencingToken(1)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await end();
  });
});
