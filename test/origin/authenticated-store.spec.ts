import { describe, expect, it } from '@jest/globals';
import { Integrity } from '../../src/codec/integrity.js';
import { authenticated } from '../../src/origin/authenticated-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { storeContract } from '../../src/testing/store-contract.js';

const integrity = Integrity.of({ keys: [{ id: 'k1', secret: Buffer.alloc(32, 1) }] });

storeContract(
  { describe, it },
  {
    name: 'whose items are signed',
    open: async () => {
      const clock = new FakeClock();
      const store = authenticated(memoryStore({ clock }), integrity);
      await store.open();
      return { store, advance: (ms) => clock.advance(ms), dispose: () => store.close() };
    },
    tooLargeBytes: 2 ** 24,
  },
);

describe('a shard whose items are signed', () => {
  const optional = ['evicts', 'stats', 'keys', 'watchFeed', 'watchItem', 'draw', 'invalidate', 'readFeed', 'readNow'];
  const shardOf = (inner: Shard): Shard => {
    const inMemory = memoryStore();
    const store: Store = { ...inMemory, capabilities: inMemory.capabilities, shards: [inner], shardOf: () => inner };
    return authenticated(store, integrity).shards[0];
  };

  it.each(optional)('has %s where the shard below has it, and only there', (operation) => {
    const inner = memoryStore().shards[0];
    const operations: Record<string, unknown> = Object.fromEntries(optional.map((name) => [name, undefined]));
    const without = Object.assign(Object.create(inner) as Shard, operations);
    expect(typeof shardOf(without)[operation as keyof Shard]).toBe('undefined');
    const withIt = Object.assign(Object.create(inner) as Shard, operations, { [operation]: () => operation });
    expect(typeof shardOf(withIt)[operation as keyof Shard]).toBe('function');
  });
});
