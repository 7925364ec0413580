import assert from 'node:assert/strict';
import { StoreUnavailableError } from '../../value/errors.js';
import type { Shard } from '../../store/store.js';
import type { TestRunner } from '../codec-contract.js';
import { bothHandles, race } from './atomicity.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { Bench, StoreContractOptions } from './subject.js';

/** `increment`, of stores whose `capabilities.atomic` is true. */
export function counterRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void =>
    it(
      name,
      onBench(options, async (bench) => {
        if (bench.store.capabilities.atomic) await test(bench);
      }),
    );

  describe('counters', () => {
    rule('start at their seed, and grow by what is added', async ({ key, shard, read }) => {
      const a = key('a');
      assert.equal(await shard(a).increment(a, 1, 1_700_000_000_000_000), 1_700_000_000_000_000);
      assert.equal(await shard(a).increment(a, 1, 5), 1_700_000_000_000_001);
      assert.equal(await shard(a).increment(a, 41, 5), 1_700_000_000_000_042);
      assert.equal(await shard(a).increment(a, 0, 5), 1_700_000_000_000_042);
      assert.equal((await read(a))?.bytes.toString('latin1').trim(), '1700000000000042');
    });

    rule('may start at 0, and begin anew when they were removed', async ({ key, shard }) => {
      const a = key('a');
      assert.equal(await shard(a).increment(a, 7, 0), 0);
      assert.equal(await shard(a).increment(a, 7, 0), 7);
      assert.equal(await shard(a).remove(a), 'removed');
      assert.equal(await shard(a).increment(a, 7, 99), 99);
    });

    rule('are atomic: many at once give each number once', async (bench) => {
      const key = bench.key('a');
      const shards = await bothHandles(bench, key);
      const sums = await Promise.all(
        Array.from({ length: 200 }, (_, index) => (shards[index % shards.length] as Shard).increment(key, 1, 1)),
      );
      assert.deepEqual(
        sums.sort((a, b) => a - b),
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
    });

    rule('have a life that begins anew with each change, where one is given', async (bench) => {
      const { key, shard, read, passTime, store } = bench;
      const { clockResolutionMs } = store.capabilities;
      const lifeMs = Math.max(2 * clockResolutionMs, 400);
      const [living, endless] = [key('living'), key('endless')];
      await shard(living).increment(living, 1, 7, 24 * 3_600_000);
      assert.equal(await shard(living).increment(living, 1, 7, lifeMs), 8);
      await shard(endless).increment(endless, 1, 7);
      await passTime(lifeMs + clockResolutionMs + 50);
      assert.equal(await read(living), undefined);
      assert.equal(await shard(living).increment(living, 1, 70, lifeMs), 70);
      assert.equal(await shard(endless).increment(endless, 1, 70), 8);
    });

    rule('have another revision after each change', async ({ key, shard, read }) => {
      const a = key('a');
      await shard(a).increment(a, 1, 1);
      const before = await read(a);
      await shard(a).increment(a, 1, 1);
      assert.ok(before);
      const outcome = await shard(a).write(a, bytesOf('9'), { ...forever, only: before.revision });
      assert.equal(outcome.status, 'changed');
    });

    rule('draw numbers that only grow, by the clock and by what was asked for', async (bench) => {
      const { key, shard, read } = bench;
      const a = key('a');
      const draw = shard(a).draw?.bind(shard(a));
      if (!draw) return;
      const hour = 3_600_000;
      const first = await draw(a, 0, hour);
      assert.ok(Math.abs(first / 1_000 - Date.now()) < hour, 'the microseconds since 1970');
      const second = await draw(a, first + 5_000_000_000, hour);
      assert.equal(second, first + 5_000_000_000);
      assert.equal(await draw(a, 0, hour), second + 1);
      assert.equal(Number((await read(a))?.bytes.toString('latin1')), second + 1);
      const shards = await bothHandles(bench, a);
      const many = await race(shards, (handle) => handle.draw?.(a, 0, hour) ?? assert.fail('one handle alone draws'));
      assert.equal(new Set(many).size, many.length);
      await shard(a).remove(a);
      assert.ok((await draw(a, 0, hour)) > first);
      await shard(a).write(a, bytesOf('text'), forever);
      const anew = await draw(a, 0, hour);
      assert.ok(anew > first && anew < second, 'what is no number counts as absent');
    });

    rule(
      'keep a number that is ahead of the clock until that has come to it, and for its life then',
      async ({ key, shard, passTime }) => {
        const a = key('a');
        const draw = shard(a).draw?.bind(shard(a));
        if (!draw) return;
        const lifeMs = 100;
        const now = await draw(a, 0, lifeMs);
        const ahead = await draw(a, now + 60_000_000, lifeMs);
        assert.equal(await draw(a, 0, lifeMs), ahead + 1);
        await passTime(2 * lifeMs);
        assert.equal(await draw(a, 0, lifeMs), ahead + 2);
      },
    );

    rule('are not made of what is no number', async ({ key, shard, read }) => {
      const a = key('a');
      await shard(a).write(a, bytesOf('text'), forever);
      await assert.rejects(shard(a).increment(a, 1, 1), StoreUnavailableError);
      assert.equal((await read(a))?.bytes.toString(), 'text');
    });
  });
}
