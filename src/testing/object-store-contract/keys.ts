import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { InvalidKeyError } from '../../value/errors.js';
import type { TestRunner } from '../codec-contract.js';
import { onBench, rejectsWith } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';

/** Names that another reader of the key would take for another object, and what is no name at all. */
const hostile = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/./b',
  'a/..',
  'a\u0000b',
  'a\nb',
  'a\u0085b',
  'a\u2028b',
  'a\ud800',
  'x'.repeat(1025),
  'ü'.repeat(513),
];

/** Names that look odd and are fine. */
const odd = [
  'ümläut 日本 +%2F?#&=~ \u{1F600}.txt',
  'a..b/...',
  'a:b|c*d"e<f>g\\h',
  "quote'd & <xml>",
  '%2e%2e/x',
  ' spaces at the ends ',
  'Case',
  'case',
];

/** Every key that is one is its own, and what is none reaches no wire. */
export function keyRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));

  describe('keys', () => {
    rule('that are hostile are refused by every operation', async ({ store }) => {
      for (const key of hostile) {
        await rejectsWith(InvalidKeyError, store.open(key));
        await rejectsWith(InvalidKeyError, store.head(key));
        await rejectsWith(InvalidKeyError, store.remove(key));
        const body = Readable.from([Buffer.from('x')]);
        await rejectsWith(InvalidKeyError, store.put(key, body));
        assert.ok(body.destroyed);
        if (store.presigns) {
          await rejectsWith(InvalidKeyError, store.presign(key, { method: 'GET', expiresIn: '1m' }));
        }
      }
    });

    rule('that are odd are kept apart, and listed as they are', async ({ store, key, read }) => {
      for (const name of odd) await store.put(key(name), name);
      for (const name of odd) assert.equal((await read(key(name))).toString(), name);
      const listed: string[] = [];
      for await (const object of store.list(key(''))) listed.push(object.key);
      assert.deepEqual([...listed].sort(), odd.map(key).sort());
    });

    rule('may be as long as they are allowed to be', async ({ store, key, read }) => {
      const start = key('ü/'.repeat(200));
      const filled = start + 'x'.repeat(1024 - (options.reservedKeyBytes ?? 0) - Buffer.byteLength(start));
      await store.put(filled, 'long');
      assert.equal((await read(filled)).toString(), 'long');
    });
  });
}
