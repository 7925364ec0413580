import { describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { shardWith } from '../support/shard-with.js';

/** Nothing of this process runs for so long: longer than the feed of `another` vouches for what was read. */
const standStill = (): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);

/** A cache in a store that another one clears, which this one hears of by reading its feed. */
async function another(store: Store): Promise<TieredCache> {
  return buildCache({ store, process: false, coherence: { interval: 500 } });
}

describe('a look-up right after its process stood still', () => {
  it('asks the feed first, also where the time was looked at just before', async () => {
    const store = memoryStore();
    const [clearing, cache] = [await buildCache({ store }), await another(store)];
    await cache.set('a', 'old');
    await clearing.dangerouslyClear();
    cache.peek('b');
    standStill();
    expect(await cache.getOrSet('a', () => 'new')).toBe('new');
    await Promise.all([clearing.close(), cache.close()]);
  });

  it('has no answer that another one asked for before', async () => {
    const store = memoryStore();
    const [shard] = store.shards;
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    let read = (): void => {};
    const isRead = new Promise<void>((resolve) => (read = resolve));
    let holds = false;
    const readOrStub: Shard['readOrStub'] = async (keys, stubMs) => {
      const items = await shard.readOrStub(keys, stubMs);
      if (!holds) return items;
      holds = false;
      read();
      await answered;
      return items;
    };
    const asynchronous = shardWith(shard, { readNow: undefined, readOrStub });
    const behind = Object.create(store, {
      shards: { value: [asynchronous] },
      shardOf: { value: () => asynchronous },
    }) as Store;
    const [clearing, cache] = [await buildCache({ store }), await another(behind)];
    await cache.set('a', 'old');
    holds = true;
    const before = cache.getOrSet<string>('a', () => 'loaded');
    await isRead;
    await clearing.dangerouslyClear();
    cache.peek('b');
    standStill();
    const after = cache.getOrSet<string>('a', () => 'new');
    answer();
    await before;
    expect(await after).not.toBe('old');
    await Promise.all([clearing.close(), cache.close()]);
  });
});
