import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { leaseOf, openLocks } from './support/open-locks.js';
import type { OpenLocks } from './support/open-locks.js';

describe('A loop that is blocked for longer than the deadline of a lock, while the answer lies ready,', () => {
  const deadlineMs = 200;
  let server: MemcachedProcess;
  let open: OpenLocks;
  beforeAll(async () => {
    server = await startMemcached();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    open = await openLocks(server.address, { ttl: '60s', deadline: deadlineMs });
    await open.store.shards[0].readMany(['connected']);
  });
  afterEach(() => open.close());

  /** Begins the work, lets its first command leave, and blocks before anything is read. */
  async function blocked<T>(begin: () => Promise<T>): Promise<T> {
    const work = begin();
    await new Promise((resolve) => process.nextTick(resolve));
    const until = performance.now() + 2 * deadlineMs;
    while (performance.now() < until);
    return work;
  }

  it('loses no lock that it was granted, nor its fencing token', async () => {
    const lease = leaseOf(await blocked(() => open.locks.acquire('acquired', { renew: false })));
    expect(lease.fencingToken).toBeGreaterThan(0);
    expect(await lease.release()).toBe('released');
  });

  it('knows that it has released, and renewed', async () => {
    const lease = leaseOf(await open.locks.acquire('held', { renew: false }));
    expect(await blocked(() => lease.renew())).toBe(true);
    expect(await blocked(() => lease.release())).toBe('released');
  });
});

describe('A loop that is blocked again and again', () => {
  it('waits for a store without an answer for two deadlines after that, no more', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    store.shards[0].write = () => new Promise(() => {});
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const locks = new CacheLock({ store, namespace: 'test', clock, deadline: 500 });
    let status: string | undefined;
    void locks.acquire('a').then((outcome) => (status = outcome.status));
    for (const blockedMs of [800, 800]) {
      await settle();
      expect(status).toBeUndefined();
      clock.skip(blockedMs);
      await clock.advanceTo(clock.monotonic(), settle);
    }
    expect(status).toBe('unavailable');
  });
});
