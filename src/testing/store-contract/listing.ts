import assert from 'node:assert/strict';
import { StoreUnavailableError } from '../../value/errors.js';
import type { Store } from '../../store/store.js';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { StoreContractOptions } from './subject.js';

/** `keys`, of stores whose shards have it. */
export function listingRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  describe('the listing of keys', () => {
    it(
      'names each key that begins with the prefix, and no other',
      onBench(options, async ({ store, key, shard }) => {
        if (!canList(store)) return;
        const listed = Array.from({ length: 600 }, (_, index) => key(`listed:${index}`));
        const others = [key('other:1'), key('liste'), key('gone')];
        for (const each of [...listed, ...others]) await shard(each).write(each, bytesOf('x'), forever);
        await shard(key('listed:7')).remove(key('listed:7'));
        const expected = listed.filter((each) => each !== key('listed:7')).sort();
        assert.deepEqual(await keysOf(store, key('listed:')), expected);
        assert.deepEqual(await keysOf(store, key('liste')), [...expected, key('liste')].sort());
        assert.deepEqual(await keysOf(store, key('nothing')), []);
      }),
    );

    it(
      'leaves out what has expired, and ends early when nobody wants more',
      onBench(options, async ({ store, key, shard, passTime }) => {
        if (!canList(store)) return;
        const short = key('short');
        await shard(short).write(short, bytesOf('x'), { lifeMs: store.capabilities.clockResolutionMs });
        await shard(key('long')).write(key('long'), bytesOf('x'), forever);
        await passTime(3 * store.capabilities.clockResolutionMs + 50);
        assert.deepEqual(await keysOf(store, key('')), [key('long')]);
        for await (const each of shard(key('long')).keys?.('') ?? []) {
          assert.equal(typeof each, 'string');
          break;
        }
        assert.equal((await shard(key('long')).readMany([key('long')])).length, 1);
      }),
    );

    it(
      'is refused once the store is closed',
      onBench(options, async ({ store, key }) => {
        if (!canList(store)) return;
        await store.close();
        await assert.rejects(keysOf(store, key('')), StoreUnavailableError);
      }),
    );
  });
}

const canList = (store: Store): boolean => store.shards.every((shard) => shard.keys !== undefined);

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const found = new Set<string>();
  for (const shard of store.shards) {
    for await (const key of shard.keys?.(prefix) ?? []) found.add(key);
  }
  return [...found].sort();
}
