import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryStore } from '../../src/store/memory-store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import type { Clock } from '../../src/value/clock.js';
import { StoreUnavailableError, ValueTooLargeError } from '../../src/value/errors.js';
import { systemClock } from '../../src/value/clock.js';
import { buildCache } from '../support/build-cache.js';

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

  it('refuses a value that it has no room for with its key', async () => {
    const [shard] = memoryStore({ maxBytes: 10_000 }).shards;
    const write = (length: number) => shard.write('k', Buffer.alloc(length), { lifeMs: Infinity, only: 'absent' });
    const largest = 10_000 - 'k'.length - 64;
    for (let time = 0; time < 2; time++) {
      expect(await write(largest + 1)).toEqual({ status: 'too-large', maxBytes: largest });
      expect(await write(10_000)).toEqual({ status: 'too-large', maxBytes: largest });
    }
    expect(await write(largest)).toMatchObject({ status: 'stored' });
    expect(await write(largest)).toEqual({ status: 'exists' });
  });

  it('lets two callers not both set what is absent', async () => {
    const cache = await buildCache({ store: memoryStore({ maxBytes: 1_000 }), process: false });
    const text = 'x'.repeat(930);
    await expect(cache.setIfAbsent('k', text)).rejects.toThrow(ValueTooLargeError);
    expect(await cache.set('k', text)).toBe(false);
    await cache.close();
  });

  it('holds what it has just answered to have stored, whatever came before', async () => {
    const writes = fc.array(
      fc.record({ key: fc.constantFrom('a', 'bb', 'ccc', 'd'), bytes: fc.nat(1_100), irreplaceable: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(writes, async (all) => {
        const [shard] = memoryStore({ maxBytes: 1_000 }).shards;
        for (const { key, bytes, irreplaceable } of all) {
          const { status } = await shard.write(key, Buffer.alloc(bytes), { lifeMs: 1_000_000 - bytes, irreplaceable });
          const [kept] = await shard.readMany([key]);
          expect([status, kept?.bytes.length]).toEqual(kept ? ['stored', bytes] : ['too-large', undefined]);
        }
      }),
    );
  });

  it.each([0, -1, 1.5, NaN, Infinity, '1mb' as unknown as number])('has no bound of %p', (bound) => {
    for (const option of ['maxBytes', 'maxItemBytes'])
      expect(() => memoryStore({ [option]: bound })).toThrow(expect.objectContaining({ option }));
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
