import assert from 'node:assert/strict';
import type { ListedObject, ListOptions, ObjectStore } from '../../object/object-store.js';
import { InvalidKeyError } from '../../value/errors.js';
import type { TestRunner } from '../codec-contract.js';
import { onBench, rejectsWith } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';

/** What is there, in the order of the bytes. */
export function listRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));

  describe('lists', () => {
    rule('hold what begins with the prefix, in the order of the bytes of UTF-8', async ({ store, key }) => {
      // U+FF5E sorts behind U+1F600 by UTF-16 code unit, and before it by UTF-8.
      const names = ['a', 'a/b', 'a-b', 'b/c', 'b/\u{1F600}', 'b/\uff5e', 'b/B', 'ü'];
      for (const name of names) await store.put(key(name), name);
      const inOrder = (chosen: readonly string[]): string[] =>
        chosen.map(key).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
      assert.deepEqual(await keysOf(store, key('')), inOrder(names));
      assert.deepEqual(await keysOf(store, key('a')), inOrder(['a', 'a/b', 'a-b']));
      assert.deepEqual(await keysOf(store, key('a/')), inOrder(['a/b']));
      assert.deepEqual(await keysOf(store, key('none')), []);
      assert.deepEqual(
        await keysOf(store, key(''), { after: key('b/B') }),
        inOrder(['b/c', 'b/\u{1F600}', 'b/\uff5e', 'ü']),
      );
      assert.deepEqual(
        await keysOf(store, key(''), { after: key('b/BB') }),
        inOrder(['b/c', 'b/\u{1F600}', 'b/\uff5e', 'ü']),
      );
    });

    rule('say size and etag of each', async ({ store, key }) => {
      const { etag } = await store.put(key('a'), 'five!');
      const [listed] = await all(store, key(''));
      assert.deepEqual([listed?.key, listed?.size, listed?.etag], [key('a'), 5, etag]);
    });

    rule('go over all pages, and end early when they are left', async ({ store, key, manyObjects }) => {
      const names = Array.from({ length: manyObjects }, (_, index) => key(String(index).padStart(5, '0')));
      for (let at = 0; at < names.length; at += 20) {
        await Promise.all(names.slice(at, at + 20).map((name) => store.put(name, 'x')));
      }
      assert.deepEqual(await keysOf(store, key('')), names);
      for await (const object of store.list(key(''))) {
        assert.equal(object.key, names[0]);
        break;
      }
    });

    rule('refuse a prefix that no key has', async ({ store, key }) => {
      for (const prefix of ['/', '//', '../', 'a//', 'a/../', 'a\nb', '\ud800']) {
        await rejectsWith(InvalidKeyError, all(store, prefix));
      }
      await rejectsWith(InvalidKeyError, all(store, key(''), { after: '../a' }));
    });
  });
}

async function all(store: ObjectStore, prefix: string, options?: ListOptions): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const object of store.list(prefix, options)) found.push(object);
  return found;
}

async function keysOf(store: ObjectStore, prefix: string, options?: ListOptions): Promise<string[]> {
  return (await all(store, prefix, options)).map(({ key }) => key);
}
