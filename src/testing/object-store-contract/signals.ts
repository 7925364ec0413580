import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, onBench } from './bench.js';
import type { Bench, ObjectStoreContractOptions } from './bench.js';
import { setImmediate } from '../../value/turn.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whoever leaves is let go, and so is what they held. */
export function signalRules({ describe, it }: TestRunner, options: ObjectStoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void => it(name, onBench(options, test));

  describe('signals', () => {
    rule('that have aborted already end every operation with their reason', async ({ store, key }) => {
      await store.put(key('a'), 'kept');
      const reason = new Error('left before it began');
      const signal = AbortSignal.abort(reason);
      const operations: (() => Promise<unknown>)[] = [
        () => store.open(key('a'), { signal }),
        () => store.head(key('a'), { signal }),
        () => store.put(key('a'), 'new', { signal }),
        () => store.remove(key('a'), { signal }),
        () => bytesOf(store.list(key(''), { signal }) as AsyncIterable<never>),
      ];
      for (const operation of operations) await assert.rejects(operation(), (error) => error === reason);
      assert.equal((await store.head(key('a')))?.size, 4);
    });

    rule('end a body that is being read with their reason', async ({ store, key, large }) => {
      await store.put(key('a'), large);
      const leaving = new AbortController();
      const reason = new Error('left in the middle');
      const { body } = await store.open(key('a'), { signal: leaving.signal });
      const reader = body[Symbol.asyncIterator]();
      await reader.next();
      leaving.abort(reason);
      await assert.rejects(
        bytesOf({ [Symbol.asyncIterator]: () => reader as AsyncIterator<Buffer> }),
        (error) => error === reason,
      );
      assert.ok(body.destroyed);
    });

    rule('may abort after the end without a consequence', async ({ store, key }) => {
      const leaving = new AbortController();
      await store.put(key('a'), 'read', { signal: leaving.signal });
      const { body } = await store.open(key('a'), { signal: leaving.signal });
      assert.equal((await bytesOf(body)).toString(), 'read');
      leaving.abort();
    });

    rule(
      'may be those of many operations at once: Node warns of a leak at eleven listeners',
      async ({ store, key, large }) => {
        const { signal } = new AbortController();
        const eleven = Array.from({ length: 11 }, (_, index) => key(`${index}`));
        const most = async (work: Promise<unknown>): Promise<number> => {
          let isOver = false;
          const over = work.finally(() => (isOver = true));
          let most = 0;
          for (; !isOver; await turn()) most = Math.max(most, getEventListeners(signal, 'abort').length);
          await over;
          return most;
        };
        const streamed = async function* (): AsyncGenerator<Buffer> {
          yield large;
          await store.head(eleven[0] as string, { signal });
        };
        assert.ok((await most(Promise.all(eleven.map((one) => store.put(one, streamed(), { signal }))))) <= 10, 'put');
        assert.ok((await most(Promise.all(eleven.map((one) => store.head(one, { signal }))))) <= 10, 'head');
        const opened = await Promise.all(eleven.map((one) => store.open(one, { signal })));
        assert.ok(getEventListeners(signal, 'abort').length <= 10, 'open');
        for (const { body } of opened) assert.equal((await bytesOf(body)).length, large.length);
      },
    );

    rule('are not needed to let go of a body: destroying it is enough, before, within and after', async (bench) => {
      const { store, key, large, read } = bench;
      await store.put(key('a'), large);
      for (const reads of [0, 1]) {
        const { body } = await store.open(key('a'));
        const reader = body[Symbol.asyncIterator]();
        for (let index = 0; index < reads; index++) await reader.next();
        const closed = once(body, 'close');
        body.destroy();
        await closed;
      }
      assert.equal((await read(key('a'))).length, large.length);
    });
  });
}
