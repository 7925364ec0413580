import { defineKey, json, untilInstant } from 'nestjs-tiered-cache';
import type { CacheLock, Lease, SerializedLease, TieredCache } from 'nestjs-tiered-cache';

/**
 * An instance that updates itself shuts down while it holds the lock of updates, and releases it in its next life. That life is of another release:
 * the cache that keeps the lease is on the disk of the host, and has a `packageVersion` that stays.
 */
export const updaterLease = defineKey('updater-lock-key', {
  holds: 'the lease under which this host has shut down to update',
  description:
    'A secret: it has the token of the lock. It is kept in a cache of its own, where no release starts cold.',
  codec: json<SerializedLease>(),
  ttl: untilInstant(({ validUntilEpochMs }: SerializedLease) => validUntilEpochMs),
  tiers: ['store'],
});

/** Before the shutdown, which leaves this lease alone from here on. */
export async function keepLease(cache: TieredCache, lease: Lease): Promise<void> {
  await cache.set(updaterLease(), lease.toJSON());
}

/** After the start: frees the lock for the next host. False: there was none to free, or it is somebody else's by now. */
export async function releaseKeptLease(cache: TieredCache, locks: CacheLock): Promise<boolean> {
  const kept = await cache.get(updaterLease());
  if (kept === undefined) return false;
  const outcome = await locks.resume(kept).release();
  await cache.delete(updaterLease());
  return outcome === 'released';
}
