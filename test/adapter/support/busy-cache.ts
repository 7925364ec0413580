import { CacheLock } from '../../../src/lock/cache-lock.js';
import { versionedKey } from '../../../src/key/key.js';
import { faultyStore } from '../../../src/testing/faulty-store.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import { buildCache } from '../../support/build-cache.js';

export const secret = 's3cr3t-p1n-4711';
export const person = 'ada@example.org';

/** A bit of everything, the same each time: what is measured of it is known. */
export async function beBusy(name: string): Promise<void> {
  const store = faultyStore(memoryStore());
  const cache = await buildCache({ name, store });
  const key = versionedKey('account', person);
  const load = (): Promise<string> => Promise.resolve(secret);
  await cache.getOrSet(key, load); // a miss and a load
  await cache.getOrSet(key, load); // a hit
  await cache.delete(key); // an invalidation
  await Promise.all([cache.getOrSet(key, load), cache.getOrSet(key, load)]); // a miss, a load, one joins
  await cache.getOrSet(versionedKey('broken', person), () => Promise.reject(new RangeError(secret))).catch(() => {});
  await cache.getOrSetMany(
    [1, 2, 3].map((id) => versionedKey('account', id)),
    (keys) => keys.map((one) => [one, secret] as const),
  );
  await store.during('throws', () => cache.get('unreachable'));
  const locks = new CacheLock({ store, namespace: name });
  await locks.using(['account', person], { ttl: 1_000 }, () => Promise.resolve(secret));
  await cache.close();
}
