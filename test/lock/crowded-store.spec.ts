import { afterEach, describe, expect, it } from '@jest/globals';
import { ShardVersions } from '../../src/coherence/shard-versions.js';
import { KeySpace } from '../../src/key/key-space.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { diskDirectory } from '../support/disk-directory.js';
import { leaseOf } from './support/open-locks.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const maxBytes = 4 * 2 ** 20;
const stores: Readonly<Record<string, () => Promise<Store>>> = {
  disk: async () => {
    const directory = diskDirectory();
    endings.push(() => directory.remove());
    const store = new DiskStore({ directory: directory.path, maxBytes }, { deadlineMs: 30_000 });
    await store.open();
    endings.push(() => store.close());
    return store;
  },
  memory: async () => memoryStore({ maxBytes }),
};

/** Writes entries of so many bytes altogether. */
async function turnOver(store: Store, bytes: number): Promise<void> {
  const [shard] = store.shards;
  const entry = Buffer.alloc(8_000, 'x');
  for (let written = 0; written < bytes; written += 50 * entry.length) {
    const keys = Array.from({ length: 50 }, (_, index) => `entry:${written}:${index}`);
    await Promise.all(keys.map((key) => shard.write(key, entry, { lifeMs: 600_000, neverShorter: true })));
  }
}

describe.each(Object.keys(stores))('On a %s store that entries turn over', (name) => {
  const names = Array.from({ length: 40 }, (_, index) => `lock ${index}`);

  async function opened(): Promise<{ store: Store; locks: CacheLock; others: CacheLock }> {
    const store = await (stores[name] as () => Promise<Store>)();
    const room = (): CacheLock => {
      const locks = new CacheLock({ store, namespace: 'test', ttl: '1h', deadline: '30s' });
      endings.push(() => locks.shutdown(0));
      return locks;
    };
    return { store, locks: room(), others: room() };
  }

  it('locks stay as long as they are held, and their counters with them', async () => {
    const { store, locks, others } = await opened();
    const leases = await Promise.all(names.map(async (one) => leaseOf(await locks.acquire(one, { renew: false }))));
    const ahead = Math.max(...leases.map(({ fencingToken }) => fencingToken)) + 1e15;
    await Promise.all(leases.map((lease) => lease.raiseFencingToken(ahead)));
    await turnOver(store, 6 * maxBytes);
    const outcomes = await Promise.all(names.map((one) => others.acquire(one)));
    expect(outcomes.filter(({ status }) => status !== 'held')).toEqual([]);
    expect(await Promise.all(leases.map((lease) => lease.release()))).toEqual(names.map(() => 'released'));
    const next = await Promise.all(names.map(async (one) => leaseOf(await others.acquire(one))));
    expect(next.filter(({ fencingToken }) => fencingToken <= ahead)).toEqual([]);
    const { bytes, maxBytes: most } = (await store.shards[0].stats?.()) ?? {};
    expect(Number(bytes)).toBeLessThanOrEqual(Number(most));
  });

  it('a lock outlives counters, of which there are more than find room', async () => {
    const { store, locks, others } = await opened();
    const lease = leaseOf(await locks.acquire('held', { renew: false }));
    const [shard] = store.shards;
    const options = { lifeMs: 2 * 86_400_000, irreplaceable: true, only: 'absent' } as const;
    for (let begun = 0; begun < 40_000; begun += 100) {
      const keys = Array.from({ length: 100 }, (_, index) => `counter:${begun + index}`);
      await Promise.all(keys.map((key) => shard.write(key, Buffer.from('1700000000000000'), options)));
    }
    await turnOver(store, maxBytes);
    const keys = Array.from({ length: 40_000 }, (_, index) => `counter:${index}`);
    const counters = await shard.readMany(keys);
    expect(counters.filter((item) => item === undefined).length).toBeGreaterThan(1_000);
    expect((await others.acquire('held')).status).toBe('held');
    expect(await lease.release()).toBe('released');
  });

  it('the list of versions stays', async () => {
    const { store } = await opened();
    const space = new KeySpace('test', '1.4', undefined);
    const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
    const options = { feed: 'test', keySpace: () => space, clock, random: () => 0 };
    const versions = new ShardVersions(store.shards[0], options, () => undefined);
    await versions.register();
    const { generation } = versions;
    await turnOver(store, 6 * maxBytes);
    await versions.reread();
    expect(versions.generation).toBe(generation);
  });
});
