import type { LockPlace } from './lock-place.js';
import { decodeRecord } from './lock-record.js';

/**
 * Reads the lock, compares the token, and removes exactly the revision that was read: never blindly, since between any two moments somebody else may
 * have taken it. `lost`: it is somebody else's, or nobody's.
 *
 * @param comparesToken false only in tests that show what a release without an owner check does.
 * @throws StoreUnavailableError
 */
export async function removeOwnLock(
  { shard, lockKey }: LockPlace,
  token: string,
  comparesToken = true,
): Promise<'released' | 'lost'> {
  // Twice, because a renewal of the same holder may come in between.
  for (let tries = 0; tries < 2; tries++) {
    const [item] = await shard.readMany([lockKey]);
    const isOwn = item !== undefined && (decodeRecord(item.bytes)?.token === token || !comparesToken);
    if (!isOwn) return 'lost';
    if ((await shard.remove(lockKey, item.revision)) === 'removed') return 'released';
  }
  return 'lost';
}
