import { describe, expect, it } from '@jest/globals';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { objectStoreContract } from '../../src/testing/object-store-contract.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

objectStoreContract(
  { describe, it },
  { name: 'memory', open: async () => ({ store: memoryObjectStore(), dispose: () => {} }) },
);

describe('an object store in memory', () => {
  it('dates its objects by its clock', async () => {
    const clock = new FakeClock();
    const store = memoryObjectStore({ clock });
    await store.put('a', 'x');
    expect((await store.head('a'))?.lastModified?.getTime()).toBe(clock.now());
  });
});
