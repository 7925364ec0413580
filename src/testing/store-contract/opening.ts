import assert from 'node:assert/strict';
import { StoreUnavailableError } from '../../value/errors.js';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { StoreContractOptions } from './subject.js';

/** Names, placement, opening and closing. */
export function openingRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  describe('the store', () => {
    it(
      'has a name, shards, and capabilities that make sense together',
      onBench(options, async ({ store }) => {
        const { capabilities, shards, name } = store;
        assert.match(name, /^[a-z][a-z0-9-]*$/);
        assert.ok(shards.length > 0 && new Set(shards.map((shard) => shard.name)).size === shards.length);
        assert.ok(['process', 'host', 'fleet'].includes(capabilities.reach));
        assert.ok(capabilities.clockResolutionMs > 0 && Number.isFinite(capabilities.clockResolutionMs));
      }),
    );

    it(
      'places a key on the same shard each time',
      onBench(options, async ({ store, key }) => {
        for (let index = 0; index < 100; index++) {
          const shard = store.shardOf(key(`${index}`));
          assert.ok(store.shards.includes(shard));
          assert.equal(store.shardOf(key(`${index}`)), shard);
        }
      }),
    );

    it(
      'stays as it is when it is opened again',
      onBench(options, async ({ store, key, shard, read }) => {
        await shard(key('a')).write(key('a'), bytesOf('1'), forever);
        const before = await read(key('a'));
        await Promise.all([store.open(), store.open()]);
        assert.deepEqual(await read(key('a')), before);
      }),
    );

    if (options.worksWhenClosed) return;

    it(
      'settles what is under way when it is closed, and refuses what comes later',
      onBench(options, async ({ store, key }) => {
        const shard = store.shards[0];
        const underWay = Array.from({ length: 20 }, (_, index) =>
          shard.write(key(`${index}`), bytesOf('x'), forever).then(
            () => 'stored',
            (error: unknown) => error,
          ),
        );
        await Promise.all([store.close(), store.close()]);
        for (const outcome of await Promise.all(underWay)) {
          assert.ok(outcome === 'stored' || outcome instanceof StoreUnavailableError, String(outcome));
        }
        const a = key('a');
        for (const refused of [
          () => shard.readMany([a]),
          () => shard.readOrStub([a], 1_000),
          () => shard.write(a, bytesOf('x'), forever),
          () => shard.remove(a),
          () => shard.increment(a, 1, 1),
          () => shard.touch(a, 1_000),
        ]) {
          await assert.rejects(async () => refused(), StoreUnavailableError);
        }
        await store.close();
      }),
    );
  });
}
