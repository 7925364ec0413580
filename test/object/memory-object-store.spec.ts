import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { folderObjectStore } from '../../src/object/folder-object-store.js';
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

  it('refuses misspelt options of a call, as a folder does, and writes nothing', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'objects-'));
    try {
      for (const store of [memoryObjectStore(), folderObjectStore({ directory })]) {
        await store.put('a', 'x');
        const body = Readable.from([Buffer.from('y')]);
        await expect(store.put('a', body, { onyl: 'absent' } as object)).rejects.toThrow('Did you mean only?');
        expect(body.destroyed).toBe(true);
        await expect(store.open('a', { rnge: { start: 1 } } as object)).rejects.toThrow('Did you mean range?');
        await expect(store.head('a', { sginal: undefined } as object)).rejects.toThrow('Did you mean signal?');
        await expect(store.remove('a', { sginal: undefined } as object)).rejects.toThrow('Did you mean signal?');
        const listing = store.list('', { aftr: 'a' } as object)[Symbol.asyncIterator]();
        await expect(listing.next()).rejects.toThrow('Did you mean after?');
        expect(await text((await store.open('a')).body)).toBe('x');
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
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
