import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { ObjectExistsError, ObjectSizeError } from '../../object/object-errors.js';
import type { ObjectStore } from '../../object/object-store.js';
import { InvalidOptionError } from '../../value/errors.js';
import { setImmediate } from '../../value/turn.js';
import type { TestRunner } from '../codec-contract.js';
import { onBench, rejectsWith, sha256Of } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';
import { slices } from './objects.js';

/** What goes wrong while an object is written changes nothing and leaks nothing. */
export function writingRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));

  describe('writing', () => {
    rule('refuses a body of another size than announced, or above its limit', async ({ store, key, read, large }) => {
      await store.put(key('a'), 'kept');
      const size = large.length;
      const streamed = (): Readable => Readable.from(slices(large, 65_536));
      for (const put of [
        { size: size - 1 },
        { size: size + 1 },
        { maxBytes: size - 1 },
        { size, maxBytes: size - 1 },
      ]) {
        const body = streamed();
        await rejectsWith(ObjectSizeError, store.put(key('a'), body, put));
        assert.ok(body.destroyed, `the stream goes on after ${JSON.stringify(put)}`);
        await rejectsWith(ObjectSizeError, store.put(key('a'), large, put));
      }
      assert.equal((await read(key('a'))).toString(), 'kept');
      await store.put(key('a'), streamed(), { size, maxBytes: size });
      assert.equal((await store.head(key('a')))?.size, size);
    });

    rule('fails as its stream fails, and keeps the older object', async ({ store, key, read, large }) => {
      await store.put(key('a'), 'kept');
      const failure = new Error('the source broke');
      const breaking = async function* (): AsyncGenerator<Buffer> {
        yield large.subarray(0, large.length - 1);
        throw failure;
      };
      await assert.rejects(store.put(key('a'), Readable.from(breaking())), (error) => error === failure);
      await assert.rejects(store.put(key('new'), breaking()), (error) => error === failure);
      assert.equal((await read(key('a'))).toString(), 'kept');
      assert.equal(await store.head(key('new')), undefined);
    });

    rule('fails as its stream fails, also where that fails before it is read', async ({ store, key }) => {
      const failure = new Error('the source can not be opened');
      const body = new Readable({ read() {} }).destroy(failure);
      await assert.rejects(store.put(key('a'), body), (error) => error === failure);
      assert.equal(await store.head(key('a')), undefined);
    });

    rule(
      'holds what its source has said, also where that uses its buffer again',
      async ({ store, key, read, large }) => {
        for (const bytes of [large.subarray(0, 5000), large]) {
          const buffer = Buffer.alloc(1000);
          const refilling = async function* (): AsyncGenerator<Buffer> {
            for (const slice of slices(bytes, buffer.length)) yield buffer.subarray(0, slice.copy(buffer));
          };
          const { sha256 } = await store.put(key('a'), refilling());
          assert.ok((await read(key('a'))).equals(bytes), `${bytes.length} bytes`);
          assert.equal(sha256, sha256Of(bytes));
        }
      },
    );

    rule('ends with its signal, also while the stream has nothing to say', async ({ store, key, large }) => {
      const reason = new Error('not wanted any more');
      const leaving = new AbortController();
      const body = new PassThrough({ highWaterMark: large.length });
      body.write(large.subarray(0, large.length - 1));
      const put = store.put(key('a'), body, { signal: leaving.signal });
      leaving.abort(reason);
      await assert.rejects(put, (error) => error === reason);
      assert.ok(body.destroyed);
      assert.equal(await store.head(key('a')), undefined);
    });

    rule(
      'ends a web stream with its signal, before it is read and while it has nothing to say',
      async ({ store, key }) => {
        const reason = new Error('not wanted any more');
        const unread = silentWebStream();
        const refused = store.put(key('a'), unread.body, { signal: AbortSignal.abort(reason) });
        await assert.rejects(refused, (error) => error === reason);
        assert.ok(unread.isCancelled(), 'the unread stream stays open');
        const leaving = new AbortController();
        const read = silentWebStream(() => setImmediate(() => leaving.abort(reason)));
        await assert.rejects(store.put(key('a'), read.body, { signal: leaving.signal }), (error) => error === reason);
        assert.ok(read.isCancelled(), 'the stream that is read stays open');
        assert.equal(await store.head(key('a')), undefined);
      },
    );

    rule('takes a web stream, and reads it to its end', async ({ store, key, read, large }) => {
      await store.put(key('a'), new Blob([large]).stream(), { size: large.length });
      assert.ok((await read(key('a'))).equals(large));
    });

    rule('with absent happens only where nothing stands', async ({ store, key, read, large }) => {
      await store.put(key('a'), 'first', { only: 'absent' });
      const body = Readable.from(slices(large, 65_536));
      await rejectsWith(ObjectExistsError, store.put(key('a'), body, { only: 'absent' }));
      assert.ok(body.destroyed);
      assert.equal((await read(key('a'))).toString(), 'first');
      await store.remove(key('a'));
      await store.put(key('a'), 'second', { only: 'absent' });
    });

    rule('with absent lets one of many racing writers win', async ({ store, secondHandle, key, read }) => {
      const stores: ObjectStore[] = [store, (await secondHandle?.()) ?? store];
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) =>
          (stores[index % 2] as ObjectStore).put(key('a'), `writer ${index}`, { only: 'absent' }),
        ),
      );
      const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [`writer ${index}`] : []));
      assert.deepEqual(winners, [(await read(key('a'))).toString()]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          assert.ok(outcome.reason instanceof ObjectExistsError, String(outcome.reason));
      }
    });

    rule('refuses sizes, metadata and bodies that are none', async ({ store, key }) => {
      const refused = (put: object): Promise<void> => rejectsWith(InvalidOptionError, store.put(key('a'), 'x', put));
      await refused({ size: -1 });
      await refused({ maxBytes: NaN });
      await refused({ metadata: { 'Upper-Case': 'x' } });
      await refused({ metadata: { line: 'a\r\nx-other: b' } });
      await refused({ metadata: { long: 'x'.repeat(3000) } });
      await refused({ contentType: 'text/plain\r\nx-other: b' });
      for (const put of [{ size: -1 }, { maxBytes: NaN }, { contentType: 'a\r\nb' }, { sise: 1 } as object]) {
        const body = new PassThrough();
        await rejectsWith(InvalidOptionError, store.put(key('a'), body, put));
        assert.ok(body.destroyed, `the stream stays open after ${JSON.stringify(put)}`);
        const web = silentWebStream();
        await rejectsWith(InvalidOptionError, store.put(key('a'), web.body, put));
        assert.ok(web.isCancelled(), `the web stream stays open after ${JSON.stringify(put)}`);
      }
      await rejectsWith(InvalidOptionError, store.put(key('a'), Readable.from([{ not: 'bytes' }])));
      assert.equal(await store.head(key('a')), undefined);
    });
  });
}

/** As the body of a response whose server says nothing more. */
function silentWebStream(onRead?: () => void): {
  readonly body: ReadableStream<Uint8Array>;
  readonly isCancelled: () => boolean;
} {
  let isCancelled = false;
  const source = {
    pull: () => {
      onRead?.();
      return new Promise<void>(() => {});
    },
    cancel: () => void (isCancelled = true),
  };
  return { body: new ReadableStream<Uint8Array>(source, { highWaterMark: 0 }), isCancelled: () => isCancelled };
}
