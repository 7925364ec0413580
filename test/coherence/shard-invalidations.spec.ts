import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { OwnRecords } from '../../src/coherence/own-records.js';
import { ShardInvalidations } from '../../src/coherence/shard-invalidations.js';
import type { Invalidating } from '../../src/coherence/shard-invalidations.js';
import { ShardVersions } from '../../src/coherence/shard-versions.js';
import { KeySpace } from '../../src/key/key-space.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Invalidation } from '../../src/store/feed.js';
import { recordEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';

const feed = 'test~feed';
const space = new KeySpace('test', '1.0', undefined);
const removal = (name: string) => ({ name, text: name, storeKey: space.storeKey(name) });
const write = (name: string): Invalidating => ({
  ...removal(name),
  write: { bytes: Buffer.from(name), options: { lifeMs: Infinity } },
});

describe('Invalidations of one shard', () => {
  let invalidations: ShardInvalidations;
  /** The names of each trip, as they left. */
  let trips: number[];
  /** The bytes of what each of them wrote. */
  let tripBytes: number[];
  let letGo: () => void;
  let losesVersions: boolean;
  let inParts: boolean;

  beforeEach(async () => {
    const [inner] = memoryStore().shards;
    trips = [];
    tripBytes = [];
    losesVersions = false;
    inParts = false;
    const open = new Promise<void>((resolve) => (letGo = resolve));
    const invalidate = async (asked: Invalidation): Promise<unknown> => {
      trips.push(asked.changes.length);
      tripBytes.push(asked.changes.reduce((sum, change) => sum + ('write' in change ? change.bytes.length : 0), 0));
      await open;
      if (losesVersions) await inner.remove(`${feed}~versions`);
      return { ...(await inner.invalidate?.(asked)), inParts };
    };
    const shard = shardWith(inner, { invalidate });
    const clock = { now: () => 1_700_000_000_000, sleep: () => Promise.resolve() };
    const options = { feed, keySpace: () => space, clock, random: () => 0 };
    const versions = new ShardVersions(shard, options, () => undefined);
    await versions.register();
    invalidations = new ShardInvalidations(shard, feed, versions, new OwnRecords());
  });

  it('that are asked in one turn share a trip, writes and removals of different keys alike', async () => {
    letGo();
    const calls = [write('a'), removal('b'), write('c'), removal('b'), write('d')];
    const done = await Promise.all(calls.map((item) => invalidations.send([item], 0)));
    expect(done.map(({ outcomes }) => outcomes.length)).toEqual([1, 0, 1, 0, 1]);
    expect(trips).toEqual([5]);
  });

  it('of one key go one after the other where the stamp has changed between a call and a write', async () => {
    letGo();
    const earlier = new KeySpace('test', '1.0', 'earlier').storeKey('a');
    const calls = [
      { ...write('a'), storeKey: earlier },
      write('a'),
      write('a'),
      { ...removal('a'), storeKey: earlier },
    ];
    await Promise.all(calls.map((item) => invalidations.send([item], 0)));
    expect(trips).toEqual([2, 4]);
  });

  it('are under way in four trips at a time; what is asked meanwhile waits, and shares the next one', async () => {
    const calls: Promise<unknown>[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      calls.push(invalidations.send([removal(name)], 0));
      await turn();
    }
    expect(trips).toEqual([1, 1, 1, 1]);
    letGo();
    await Promise.all(calls);
    expect(trips).toEqual([1, 1, 1, 1, 2]);
  });

  it.each([
    [false, [true, true]],
    [true, [true, false]],
  ])('are told at once, or by several appends (%s), which matters to calls of several names', async (given, atOnce) => {
    letGo();
    inParts = given;
    const calls = [[removal('a')], [removal('b'), write('c')]];
    const done = await Promise.all(calls.map((items) => invalidations.send(items, 0)));
    expect(done.map((one) => one.atOnce)).toEqual(atOnce);
  });

  it('go 500 at a time, in no more trips than that takes', async () => {
    letGo();
    const removals = Array.from({ length: 1_000 }, (_, index) => removal(`k${index}`));
    await invalidations.send(removals, 0);
    await invalidations.send(removals.slice(0, 501), 0);
    expect(trips).toEqual([500, 500, 500, 1]);
  });

  it.each([
    ['of one call', (items: readonly Invalidating[]) => [items]],
    ['of many calls', (items: readonly Invalidating[]) => items.map((item) => [item])],
  ])('go 32 MiB at a time, in no more trips than that takes: %s', async (_, callsOf) => {
    letGo();
    const bytes = Buffer.alloc(2 ** 20);
    const items = Array.from({ length: 100 }, (__, index) => ({
      ...removal(`k${index}`),
      write: { bytes, options: { lifeMs: Infinity } },
    }));
    const calls = callsOf(items);
    const done = await Promise.all(calls.map((items) => invalidations.send(items, 0)));
    expect(done.map(({ atOnce }) => atOnce)).toEqual(calls.map(({ length }) => length === 1));
    expect(done.flatMap(({ outcomes }) => outcomes)).toHaveLength(100);
    expect(tripBytes.map((sum) => sum / bytes.length)).toEqual([32, 32, 32, 4]);
  });

  it('of a value that is larger than a trip go by themselves', async () => {
    letGo();
    const large = { ...removal('large'), write: { bytes: Buffer.alloc(33 * 2 ** 20), options: { lifeMs: Infinity } } };
    const done = await invalidations.send([removal('a'), large, removal('b')], 0);
    expect(done).toMatchObject({ outcomes: [{}], atOnce: false });
    expect(trips).toEqual([1, 1, 1]);
  });

  it('are repeated where the list of versions was lost, which says nothing of strangers', async () => {
    letGo();
    losesVersions = true;
    const events = recordEvents('fault');
    await invalidations.send([removal('a')], 0);
    events.stop();
    expect([trips, events.all]).toEqual([[1, 1], []]);
  });
});
