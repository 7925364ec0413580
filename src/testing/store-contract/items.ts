import assert from 'node:assert/strict';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { StoreContractOptions } from './subject.js';

/** Reading, writing and removing, with and without conditions. */
export function itemRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  const { tooLargeBytes } = options;

  describe('items', () => {
    it(
      'are read in the order of the keys, duplicates and absent ones included',
      onBench(options, async ({ key, shard }) => {
        const [a, b] = [key('a'), key('b')];
        // Keys of one shard, or their order would say nothing.
        const sameShard = shard(a) === shard(b);
        await shard(a).write(a, bytesOf('1'), forever);
        await shard(b).write(b, bytesOf('2'), forever);
        const keys = sameShard ? [b, key('none'), a, b, b] : [a, a];
        const texts = (await shard(a).readMany(keys)).map((item) => item?.bytes.toString());
        if (shard(keys[1] as string) === shard(a)) {
          assert.deepEqual(texts, sameShard ? ['2', undefined, '1', '2', '2'] : ['1', '1']);
        }
        assert.deepEqual(await shard(a).readMany([]), []);
      }),
    );

    it(
      'are read a thousand at a time',
      onBench(options, async ({ store, key }) => {
        const shard = store.shards[0];
        const keys = Array.from({ length: 1_000 }, (_, index) => key(`${index}`));
        await Promise.all(
          keys.filter((_, index) => index % 3 === 0).map((each) => shard.write(each, bytesOf(each), forever)),
        );
        const items = await shard.readMany(keys);
        assert.deepEqual(
          items.map((item) => item?.bytes.toString()),
          keys.map((each, index) => (index % 3 === 0 ? each : undefined)),
        );
      }),
    );

    it(
      'are told without waiting as they are told with it, where the store can',
      onBench(options, async ({ key, shard, read }) => {
        const a = key('a');
        const now = (): string => {
          const seen = shard(a).readNow?.(a);
          return seen ? `it is ${seen.bytes.toString('latin1', seen.start, seen.end)}` : 'nothing';
        };
        if (!shard(a).readNow) return;
        assert.equal(now(), 'nothing');
        await shard(a).write(a, bytesOf('1'), forever);
        const first = await read(a);
        assert.equal(now(), 'it is 1');
        await shard(a).write(a, bytesOf('2'), forever);
        assert.equal(now(), 'it is 2');
        assert.equal(first?.bytes.toString(), '1', 'what was read is the reader’s own');
        await shard(a).remove(a);
        assert.equal(now(), 'nothing');
        const [stub] = await shard(a).readOrStub([a], 60_000);
        assert.equal(stub?.won, true);
        assert.equal(now(), 'it is ');
        assert.throws(() => shard(a).readNow?.('a b'), { code: 'INVALID_KEY' });
      }),
    );

    it(
      'give back every byte as it was written',
      onBench(options, async ({ key, shard, read }) => {
        const everyByte = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
        const wireLike = Buffer.from('\r\nVA 3 c1\r\nabc\r\nEND\r\nHD\r\n');
        const large = Buffer.alloc(200_000, everyByte);
        for (const [index, bytes] of [everyByte, wireLike, large, Buffer.from([0])].entries()) {
          const each = key(`${index}`);
          const outcome = await shard(each).write(each, bytes, forever);
          assert.equal(outcome.status, 'stored');
          const item = await read(each);
          assert.ok(Buffer.isBuffer(item?.bytes));
          assert.ok(item.bytes.equals(bytes), `the ${bytes.length} bytes that were read are not the ones written`);
        }
      }),
    );

    it(
      'take any bytes, and are not changed with the array that was written',
      onBench(options, async ({ key, shard, read }) => {
        const bytes = new Uint8Array(Buffer.from('--view--')).subarray(2, 6);
        await shard(key('a')).write(key('a'), bytes, forever);
        bytes.fill(0);
        assert.equal((await read(key('a')))?.bytes.toString(), 'view');
      }),
    );

    it(
      'are replaced, and have another revision after each write',
      onBench(options, async ({ key, shard, read }) => {
        const seen = new Set<string>();
        for (const text of ['one', 'two', 'two', '']) {
          const outcome = await shard(key('a')).write(key('a'), bytesOf(text), forever);
          assert.ok(outcome.status === 'stored');
          const item = await read(key('a'));
          assert.equal(item?.bytes.toString(), text);
          assert.deepEqual(item.revision, outcome.revision);
          seen.add(`${item.revision.session}/${item.revision.number}`);
        }
        assert.equal(seen.size, 4);
      }),
    );

    it(
      'are removed, present or not, stub or not',
      onBench(options, async ({ key, shard, read }) => {
        const a = key('a');
        assert.equal(await shard(a).remove(a), 'absent');
        await shard(a).write(a, bytesOf('1'), forever);
        assert.equal(await shard(a).remove(a), 'removed');
        assert.equal(await read(a), undefined);
        await shard(a).readOrStub([a], 60_000);
        assert.equal(await shard(a).remove(a), 'removed');
        assert.equal(await shard(a).remove(a), 'absent');
      }),
    );

    it(
      'are written several at a time, each on its own condition, where the store can',
      onBench(options, async ({ key, shard, read }) => {
        const large = Buffer.alloc(tooLargeBytes, 'x');
        const [a, b, c, d] = [key('a'), key('b'), key('c'), key('d')];
        for (const one of new Set([a, b, c, d].map(shard))) assert.deepEqual((await one.writeMany?.([])) ?? [], []);
        const only = await shard(b).write(b, bytesOf('b'), forever);
        assert.ok(only.status === 'stored');
        await shard(c).write(c, bytesOf('c'), forever);
        const writes = [
          { storeKey: a, bytes: bytesOf('A'), options: forever },
          { storeKey: b, bytes: bytesOf('B'), options: { ...forever, only: only.revision } },
          { storeKey: c, bytes: bytesOf('C'), options: { ...forever, only: only.revision } },
          { storeKey: d, bytes: large, options: forever },
        ];
        const outcomes = await Promise.all(
          writes.map(async (write) => (await shard(write.storeKey).writeMany?.([write]))?.[0]?.status),
        );
        if (!shard(a).writeMany) return;
        assert.deepEqual(outcomes, ['stored', 'stored', 'changed', 'too-large']);
        const texts = await Promise.all([a, b, c, d].map(async (each) => (await read(each))?.bytes.toString()));
        assert.deepEqual(texts, ['A', 'B', 'c', undefined]);
        const sameShard = writes.filter(({ storeKey }) => shard(storeKey) === shard(a));
        const again = await shard(a).writeMany?.(sameShard.map((write) => ({ ...write, options: forever })));
        assert.deepEqual(
          again?.map(({ status }) => status),
          sameShard.map(({ bytes }) => (bytes === large ? 'too-large' : 'stored')),
        );
        await assert.rejects(async () => shard(a).writeMany?.([{ storeKey: 'a b', bytes: large, options: forever }]), {
          code: 'INVALID_KEY',
        });
      }),
    );

    it(
      'that are too large are refused, and the older item is gone',
      onBench(options, async ({ key, shard, read }) => {
        const large = Buffer.alloc(tooLargeBytes, 'x');
        const a = key('a');
        await shard(a).write(a, bytesOf('old'), forever);
        const outcome = await shard(a).write(a, large, forever);
        assert.ok(outcome.status === 'too-large');
        assert.ok(outcome.maxBytes > 0 && outcome.maxBytes < tooLargeBytes);
        assert.equal(await read(a), undefined);
        assert.equal((await shard(a).write(a, bytesOf('new'), forever)).status, 'stored');
      }),
    );

    it(
      'that are too large remove nothing that they would not have replaced',
      onBench(options, async ({ key, shard, read }) => {
        const large = Buffer.alloc(tooLargeBytes, 'x');
        const a = key('a');
        const first = await shard(a).write(a, bytesOf('first'), forever);
        const second = await shard(a).write(a, bytesOf('second'), forever);
        assert.ok(first.status === 'stored' && second.status === 'stored');
        assert.equal((await shard(a).write(a, large, { ...forever, only: 'absent' })).status, 'exists');
        assert.equal((await shard(a).write(a, large, { ...forever, only: first.revision })).status, 'changed');
        assert.equal((await read(a))?.bytes.toString(), 'second');
        assert.equal((await shard(a).write(a, large, { ...forever, only: second.revision })).status, 'too-large');
        assert.equal(await read(a), undefined);
      }),
    );
  });
}
