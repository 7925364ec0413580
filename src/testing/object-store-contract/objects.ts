import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ObjectNotFoundError } from '../../object/object-errors.js';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, onBench, patterned, rejectsWith, sha256Of } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';

/** What is written is read: bytes, facts, absence. */
export function objectRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));

  describe('objects', () => {
    rule('are read as they were written: bytes, text, nothing, and streams of either length', async (bench) => {
      const { store, key, read, large } = bench;
      const bodies = [Buffer.from([0, 255, 10, 13, 0]), Buffer.alloc(0), large];
      for (const [index, bytes] of bodies.entries()) {
        const [whole, streamed] = [key(`whole-${index}`), key(`streamed-${index}`)];
        await store.put(whole, bytes);
        await store.put(streamed, Readable.from(slices(bytes, 100_003)));
        assert.ok((await read(whole)).equals(bytes), `${bytes.length} bytes at once`);
        assert.ok((await read(streamed)).equals(bytes), `${bytes.length} bytes as a stream`);
      }
      await store.put(key('text'), 'größer als nichts');
      assert.equal((await read(key('text'))).toString(), 'größer als nichts');
    });

    rule('say when they are written what they hold', async ({ store, key, large }) => {
      for (const bytes of [Buffer.from('small'), large]) {
        const put = await store.put(key('a'), Readable.from(slices(bytes, 65_536)), { size: bytes.length });
        assert.deepEqual([put.key, put.size, put.sha256], [key('a'), bytes.length, sha256Of(bytes)]);
        assert.equal(put.etag, (await store.head(key('a')))?.etag);
      }
    });

    rule('have a head that says the same as opening them', async ({ store, key }) => {
      const metadata = { uid: 'u1', 'written-by': 'The Contract' };
      await store.put(key('a'), patterned(3000), { contentType: 'image/webp', metadata });
      const head = await store.head(key('a'));
      const { body, range, ...opened } = await store.open(key('a'));
      body.destroy();
      assert.ok(head);
      assert.deepEqual(range, { start: 0, end: 2999 });
      assert.deepEqual(
        { size: head.size, etag: head.etag, contentType: head.contentType, metadata: head.metadata },
        { size: opened.size, etag: opened.etag, contentType: opened.contentType, metadata: opened.metadata },
      );
      assert.deepEqual([head.size, head.contentType], [3000, 'image/webp']);
      assert.deepEqual({ ...head.metadata }, metadata);
      assert.match(head.etag, /^"[^"]+"$/);
    });

    rule('are replaced as a whole, with a new etag', async ({ store, key, read }) => {
      const first = await store.put(key('a'), 'the first one', { contentType: 'text/plain', metadata: { old: 'yes' } });
      const second = await store.put(key('a'), 'second');
      assert.notEqual(second.etag, first.etag);
      assert.equal((await read(key('a'))).toString(), 'second');
      const head = await store.head(key('a'));
      assert.deepEqual([head?.size, head?.metadata['old']], [6, undefined]);
    });

    rule('that are absent are not found, and are removed without a complaint', async ({ store, key, read }) => {
      assert.equal(await store.head(key('a')), undefined);
      await rejectsWith(ObjectNotFoundError, store.open(key('a')));
      await store.remove(key('a'));
      await store.put(key('a'), 'here');
      await store.put(key('a/below'), 'a key may continue another');
      await store.remove(key('a'));
      assert.equal(await store.head(key('a')), undefined);
      assert.equal((await read(key('a/below'))).toString(), 'a key may continue another');
    });

    rule('keep their bytes for a reader that has begun, or end it with an error', async ({ store, key, large }) => {
      const newer = patterned(large.length, 'newer');
      await store.put(key('a'), large);
      const { body } = await store.open(key('a'));
      const reader = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const chunks = [(await reader.next()).value as Buffer];
      await store.put(key('a'), newer);
      try {
        chunks.push(await bytesOf({ [Symbol.asyncIterator]: () => reader }));
      } catch {
        return; // Cut off is allowed, mixed is not.
      }
      assert.ok(Buffer.concat(chunks).equals(large), 'the body is not the object that was opened');
    });

    rule('may be given to many readers at once', async ({ store, key, read, large }) => {
      await store.put(key('a'), large);
      const bodies = await Promise.all(Array.from({ length: 8 }, () => read(key('a'))));
      assert.ok(bodies.every((bytes) => bytes.equals(large)));
    });

    rule('do not change with the buffers of their writers and readers', async ({ store, key, read }) => {
      const bytes = patterned(1000);
      await store.put(key('a'), bytes);
      bytes.fill(0);
      (await read(key('a'))).fill(1);
      assert.ok((await read(key('a'))).equals(patterned(1000)));
    });
  });
}

export function* slices(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}
