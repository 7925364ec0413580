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
        assert.ok(capabilities.deadlineMs === undefined || capabilities.deadlineMs > 0);
      }),
    );

    it(
      'is given to this suite by two handles, if it is atomic and not of one process alone',
      onBench(options, async ({ store, secondHandle }) => {
        const { atomic, reach } = store.capabilities;
        if (!atomic || reach === 'process') return;
        const problem = `The reach of the store ${options.name} is '${reach}': what it promises holds between processes.`;
        assert.ok(
          secondHandle,
          `${problem} Give the suite a secondHandle, which opens another store on the same items.`,
        );
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
        const after = await read(key('a'));
        assert.deepEqual([after?.bytes, after?.revision], [before?.bytes, before?.revision]);
      }),
    );

    it(
      'tells facts about itself, the number of its entries and their bytes among them, and no keys or values',
      onBench(options, async ({ store, key, shard }) => {
        const before = await Promise.all(store.shards.map(async (each) => each.stats?.()));
        if (before.some((facts) => facts === undefined)) return;
        const count = 20;
        const value = 'v4lue'.repeat(20_000);
        for (let index = 0; index < count; index++) {
          await shard(key(`${index}`)).write(key(`${index}`), bytesOf(value), forever);
        }
        const after = await Promise.all(store.shards.map(async (each) => each.stats?.()));
        const sum = (all: typeof before, name: string): number =>
          all.reduce((total, facts) => total + Number(facts?.[name] ?? NaN), 0);
        const more = sum(after, 'entries') - sum(before, 'entries');
        // What other tests left behind may have reached the end of its life meanwhile.
        assert.ok(more > count / 2 && more <= count, `${more} entries more`);
        // A server may count the buffers of its connections among them, which come and go.
        assert.ok(sum(after, 'bytes') - sum(before, 'bytes') >= 0.75 * count * value.length);
        assert.ok(sum(after, 'maxBytes') >= sum(after, 'bytes'));
        for (const fact of after.flatMap((facts) => Object.values(facts ?? {}))) {
          assert.ok(typeof fact === 'string' || Number.isFinite(fact));
        }
        assert.ok(!JSON.stringify(after).includes('v4lue') && !JSON.stringify(after).includes(key('')));
      }),
    );

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
          ...(shard.stats ? [() => shard.stats?.() ?? Promise.resolve()] : []),
        ]) {
          await assert.rejects(async () => refused(), StoreUnavailableError);
        }
        await store.close();
      }),
    );
  });
}
