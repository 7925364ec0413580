import assert from 'node:assert/strict';
import { StoreUnavailableError } from '../../value/errors.js';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { StoreContractOptions } from './subject.js';

const dayMs = 24 * 3_600_000;

/** How long items stay. Real time passes in these, a few resolutions of the store's clock. */
export function lifeRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  describe('lives', () => {
    it(
      'last, and end, within one resolution of the clock, two where it skips one',
      onBench(options, async ({ store, key, shard, read, passTime, advance }) => {
        const { clockResolutionMs } = store.capabilities;
        const lifeMs = Math.max(3 * clockResolutionMs, 400);
        // A clock that skips one ends it one sooner.
        const leastMs = lifeMs - 2 * clockResolutionMs;
        const [a, b] = [key('a'), key('b')];
        const startedAt = performance.now();
        await shard(a).write(a, bytesOf('1'), { lifeMs });
        await shard(b).write(b, bytesOf('1'), { lifeMs });
        await passTime(leastMs / 2);
        const item = await read(a);
        // On a machine that was busy elsewhere the life may be over.
        if (advance || performance.now() - startedAt < leastMs) {
          assert.equal(item?.bytes.toString(), '1');
        }
        await passTime(lifeMs - leastMs / 2 + clockResolutionMs + 50);
        assert.equal(await read(a), undefined);
        assert.equal(await shard(a).remove(a), 'absent');
        if (!store.capabilities.atomic) return;
        assert.equal((await shard(b).write(b, bytesOf('2'), { ...forever, only: 'absent' })).status, 'stored');
      }),
    );

    it(
      'of a fraction of a second end, and so do those that are over when they are written',
      onBench(options, async ({ store, key, shard, read, passTime }) => {
        const a = key('a');
        await shard(a).write(a, bytesOf('1'), { lifeMs: 400 });
        const brief = [0.5, 0, -0.5, -5_000];
        for (const lifeMs of brief) {
          const { status } = await shard(key(`${lifeMs}`)).write(key(`${lifeMs}`), bytesOf('1'), { lifeMs });
          assert.equal(status, 'stored');
        }
        await passTime(Math.max(400, store.capabilities.clockResolutionMs) + store.capabilities.clockResolutionMs + 50);
        assert.equal(await read(a), undefined);
        for (const lifeMs of brief) assert.equal(await read(key(`${lifeMs}`)), undefined, `a life of ${lifeMs} ms`);
      }),
    );

    it(
      'of more than 30 days, of decades, and endless ones have not ended at once',
      onBench(options, async ({ store, key, shard, read, passTime }) => {
        const lives = [30 * dayMs, 30 * dayMs + 1, 31 * dayMs, 400 * dayMs, 40_000 * dayMs, 1e15, Infinity];
        for (const lifeMs of lives) await shard(key(`${lifeMs}`)).write(key(`${lifeMs}`), bytesOf('1'), { lifeMs });
        await passTime(store.capabilities.clockResolutionMs + 100);
        for (const lifeMs of lives) {
          assert.equal((await read(key(`${lifeMs}`)))?.bytes.toString(), '1', `a life of ${lifeMs} ms`);
        }
      }),
    );

    it(
      'have an age, where the store can tell, that is never more than has passed',
      onBench(options, async ({ store, key, shard, read, passTime, advance }) => {
        const a = key('a');
        const { clockResolutionMs } = store.capabilities;
        const startedAt = performance.now();
        let passedMs = 0;
        const pass = async (milliseconds: number): Promise<void> => {
          await passTime(milliseconds);
          passedMs = advance ? passedMs + milliseconds : performance.now() - startedAt;
        };
        await shard(a).write(a, bytesOf('1'), { lifeMs: 600_000, neverShorter: true });
        const skippedMs = advance ? 0 : clockResolutionMs;
        const young = await read(a);
        await pass(3 * clockResolutionMs + 50);
        const leastMs = advance ? passedMs - 2 * clockResolutionMs : 3 * clockResolutionMs + 50 - 2 * clockResolutionMs;
        const old = await read(a);
        if (!advance) passedMs = performance.now() - startedAt;
        if (young?.ageMs === undefined || old?.ageMs === undefined) {
          assert.deepEqual([young?.ageMs, old?.ageMs], [undefined, undefined]);
          return;
        }
        assert.ok(young.ageMs >= 0 && young.ageMs <= passedMs + skippedMs, `${young.ageMs} ms at first`);
        assert.ok(old.ageMs <= passedMs + skippedMs, `${old.ageMs} ms old after ${passedMs} ms`);
        assert.ok(old.ageMs >= leastMs - skippedMs, `${old.ageMs} ms old, at least ${leastMs} have passed`);
        const writtenAnewAt = performance.now();
        await shard(a).write(a, bytesOf('2'), { lifeMs: 600_000, neverShorter: true });
        const anew = await read(a);
        const sinceMs = advance ? 0 : performance.now() - writtenAnewAt;
        assert.ok((anew?.ageMs ?? 0) <= sinceMs + skippedMs, `${anew?.ageMs} ms old, written anew ${sinceMs} ms ago`);
      }),
    );

    it(
      'of stubs end, and the next caller wins',
      onBench(options, async ({ store, key, shard, passTime }) => {
        if (!store.capabilities.atomic) return;
        const { clockResolutionMs } = store.capabilities;
        const a = key('a');
        const [first] = await shard(a).readOrStub([a], Math.max(clockResolutionMs, 200));
        await passTime(Math.max(clockResolutionMs, 200) + clockResolutionMs + 50);
        const [second] = await shard(a).readOrStub([a], 60_000);
        assert.deepEqual([first?.won, second?.won], [true, true]);
        assert.ok(first);
        assert.equal(
          (await shard(a).write(a, bytesOf('late'), { ...forever, only: first.revision })).status,
          'changed',
        );
      }),
    );

    it(
      'are given anew by touch, and no shorter, or touch says that it can not',
      onBench(options, async ({ store, key, shard, read, passTime, advance }) => {
        const [longer, shorter] = [key('longer'), key('shorter')];
        const { clockResolutionMs, touch } = store.capabilities;
        const lifeMs = Math.max(clockResolutionMs, 300);
        await shard(shorter).write(shorter, bytesOf('2'), forever);
        if (!touch) {
          await assert.rejects(shard(shorter).touch(shorter, 1_000), StoreUnavailableError);
          return;
        }
        await shard(longer).write(longer, bytesOf('1'), { lifeMs: 60_000 });
        assert.equal(await shard(longer).touch(longer, Infinity), true);
        const touchedAt = performance.now();
        assert.equal(await shard(shorter).touch(shorter, lifeMs), true);
        assert.equal(await shard(key('none')).touch(key('none'), 60_000), false);
        await passTime(0.9 * lifeMs);
        const used = await read(shorter);
        // On a machine that was busy elsewhere the life may be over, or end in the millisecond that a store's clock rounds off.
        if (advance || performance.now() - touchedAt < 0.95 * lifeMs) assert.equal(used?.bytes.toString(), '2');
        await passTime(0.1 * lifeMs + 5 * clockResolutionMs + 50);
        assert.equal((await read(longer))?.bytes.toString(), '1');
        assert.equal(await read(shorter), undefined);
        assert.equal(await shard(shorter).touch(shorter, 60_000), false);
      }),
    );
  });
}
