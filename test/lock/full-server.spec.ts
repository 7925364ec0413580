import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { placeLock } from '../../src/lock/lock-place.js';
import type { LockPlace } from '../../src/lock/lock-place.js';
import { holderOf } from '../../src/lock/lock-record.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { fillMemcached, sizesOfLocks } from '../support/fill-memcached.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { leaseOf, openLocks } from './support/open-locks.js';
import type { OpenLocks } from './support/open-locks.js';

// memcached allocates before it looks at a condition, and `ms` takes away what stands when that fails, whatever its condition.
describe('A memcached that is full, and refuses what is new (-M),', () => {
  let server: MemcachedProcess;
  let open: OpenLocks;
  let place: LockPlace;
  beforeEach(async () => {
    server = await startMemcached({ args: ['-M', '-m', '4'] });
    open = await openLocks(server.address, { ttl: '60s' });
    place = placeLock(open.store, 'test', 'a');
  });
  afterEach(async () => {
    await open.close();
    await server.stop();
  });
  const standsOf = (lease: { readonly token: string }): Promise<boolean> =>
    server.command(`mg ${place.lockKey} v`).then((answer) => answer.includes(holderOf(lease.token)));

  it('keeps a lock that another asks for', async () => {
    const lease = leaseOf(await open.locks.acquire('a', { renew: false }));
    const others = await open.another();
    await fillMemcached(server, sizesOfLocks);
    expect((await others.acquire('a')).status).toBe('held');
    expect((await others.acquire('a', { wait: 100 })).status).toBe('held');
    expect(await standsOf(lease)).toBe(true);
    expect(await lease.release()).toBe('released');
  });

  it('gives no lock, and leaves none behind', async () => {
    await fillMemcached(server, sizesOfLocks);
    expect((await open.locks.acquire('a')).status).toBe('unavailable');
    expect(await server.command(`mg ${place.lockKey} v`)).toBe('EN');
  });

  it('keeps a lock whose renewal it has no room for, and renews it as soon as it has', async () => {
    const lease = leaseOf(await open.locks.acquire('a', { renew: false }));
    const empty = await fillMemcached(server, sizesOfLocks);
    expect(await lease.renew()).toBe(false);
    expect([lease.signal.aborted, await standsOf(lease)]).toEqual([false, true]);
    await empty();
    const { validUntil } = lease;
    expect(await lease.renew()).toBe(true);
    expect(lease.validUntil).toBeGreaterThan(validUntil);
  });

  it('keeps the counter of a lock whose next number it has no room for', async () => {
    const lease = leaseOf(await open.locks.acquire('a', { renew: false }));
    const { fencingToken } = lease;
    const empty = await fillMemcached(server, sizesOfLocks);
    await expect(lease.raiseFencingToken(fencingToken + 1_000_000_000)).rejects.toThrow(StoreUnavailableError);
    expect(await server.command(`mg ${place.fencingKey} v`)).toContain(`${fencingToken}`);
    await empty();
    expect(await lease.raiseFencingToken(fencingToken + 1_000_000_000)).toBeGreaterThan(fencingToken + 1_000_000_000);
  });
});
