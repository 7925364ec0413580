import { describe, expect, it } from '@jest/globals';
import { memoryStore } from '../../src/store/memory-store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import type { Clock } from '../../src/value/clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { systemClock } from '../../src/value/clock.js';

const kilobytes = 2 ** 10;

storeContract(
  { describe, it },
  {
    name: 'memory',
    tooLargeBytes: 1_000_000,
    open: async () => {
      let nowMs = Date.now();
      const clock: Clock = { ...systemClock, now: () => nowMs, monotonic: () => nowMs };
      const store = memoryStore({ maxItemBytes: 500 * kilobytes, clock });
      await store.open();
      return {
        store,
        advance: (milliseconds) => void (nowMs += milliseconds),
        dispose: () => {},
      };
    },
  },
);

describe('a memory store', () => {
  it('lets the least recently used go when it is full', async () => {
    const [shard] = memoryStore({ maxBytes: 10 * kilobytes }).shards;
    for (const key of ['a', 'b', 'c']) await shard.write(key, Buffer.alloc(3 * kilobytes), { lifeMs: Infinity });
    await shard.readMany(['a']);
    await shard.write('d', Buffer.alloc(3 * kilobytes), { lifeMs: Infinity });
    expect((await shard.readMany(['a', 'b', 'c', 'd'])).map((item) => item !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it('stays open until the last of the caches that share it has closed it, and keeps what it holds', async () => {
    const store = memoryStore();
    const [shard] = store.shards;
    await Promise.all([store.open(), store.open()]);
    await shard.write('a', Buffer.from('1'), { lifeMs: Infinity });
    await store.close();
    expect((await shard.readMany(['a']))[0]?.bytes.toString()).toBe('1');
    await store.close();
    await expect(shard.readMany(['a'])).rejects.toThrow(StoreUnavailableError);
    await store.close();
    await store.open();
    expect((await shard.readMany(['a']))[0]?.bytes.toString()).toBe('1');
  });
});
