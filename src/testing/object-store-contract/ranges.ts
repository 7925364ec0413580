import assert from 'node:assert/strict';
import { ObjectChangedError, ObjectRangeError } from '../../object/object-errors.js';
import type { ByteRange } from '../../object/object-store.js';
import { InvalidOptionError } from '../../value/errors.js';
import type { TestRunner } from '../codec-contract.js';
import { onBench, patterned, rejectsWith } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';

/** Parts of objects, and the version that they must be of. */
export function rangeRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));

  describe('ranges', () => {
    rule('give exactly their bytes', async ({ store, key, read, large }) => {
      await store.put(key('a'), large);
      const last = large.length - 1;
      const ranges: ByteRange[] = [
        { start: 0, end: 0 },
        { start: 0, end: last },
        { start: 0 },
        { start: 1, end: 10 },
        { start: 65_535, end: 65_537 },
        { start: last, end: last },
        { start: last },
        { start: last - 4, end: last + 1000 },
        { start: Math.floor(last / 2) },
      ];
      for (const range of ranges) {
        const bytes = await read(key('a'), { range });
        assert.ok(bytes.equals(large.subarray(range.start, (range.end ?? last) + 1)), JSON.stringify(range));
      }
    });

    rule('say which bytes they are, and the size of the whole', async ({ store, key }) => {
      await store.put(key('a'), patterned(100));
      const opened = await store.open(key('a'), { range: { start: 90, end: 1000 } });
      opened.body.destroy();
      assert.deepEqual([opened.range, opened.size], [{ start: 90, end: 99 }, 100]);
    });

    rule('that begin behind the end are refused, with the size where it is known', async ({ store, key }) => {
      await store.put(key('a'), patterned(100));
      await store.put(key('empty'), '');
      const refusal = await store.open(key('a'), { range: { start: 100 } }).catch((error: unknown) => error);
      assert.ok(refusal instanceof ObjectRangeError, String(refusal));
      assert.deepEqual([refusal.start, refusal.size], [100, 100]);
      await rejectsWith(ObjectRangeError, store.open(key('empty'), { range: { start: 0 } }));
    });

    rule('that are none are refused', async ({ store, key }) => {
      await store.put(key('a'), patterned(100));
      for (const range of [
        { start: -1 },
        { start: 0.5 },
        { start: 5, end: 4 },
        { start: NaN },
        { start: 0, end: Infinity },
      ]) {
        await rejectsWith(InvalidOptionError, store.open(key('a'), { range }));
      }
    });

    rule('of a version that is gone are refused', async ({ store, key, read }) => {
      const { etag } = await store.put(key('a'), patterned(100));
      assert.ok((await read(key('a'), { ifMatch: etag })).equals(patterned(100)));
      const range = { start: 10, end: 19 };
      assert.ok((await read(key('a'), { ifMatch: etag, range })).equals(patterned(100).subarray(10, 20)));
      await store.put(key('a'), patterned(100, 'another'));
      await rejectsWith(ObjectChangedError, store.open(key('a'), { ifMatch: etag, range }));
      await rejectsWith(ObjectChangedError, store.open(key('a'), { ifMatch: etag }));
    });
  });
}
