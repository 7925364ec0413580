import { describe, expect, it } from '@jest/globals';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import type { OpenOptions, PutOptions } from '../../src/object/object-store.js';
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

  it('takes an option that is undefined for one that is not given', async () => {
    const store = memoryObjectStore();
    const written: PutOptions = {
      contentType: undefined,
      size: undefined,
      maxBytes: undefined,
      metadata: undefined,
      only: undefined,
      signal: undefined,
    };
    await store.put('a', 'x', written);
    const read: OpenOptions = { range: undefined, ifMatch: undefined, verify: undefined, signal: undefined };
    const { size, contentType, body } = await store.open('a', read);
    body.destroy();
    expect([size, contentType]).toEqual([1, undefined]);
    const listed: string[] = [];
    for await (const { key } of store.list('', { after: undefined, signal: undefined })) listed.push(key);
    expect(listed).toEqual(['a']);
  });
});
