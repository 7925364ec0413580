import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { Change, FeedReading, Invalidated, Invalidation, Mark } from '../../store/feed.js';
import { maxRecordBytes } from '../../store/feed.js';
import type { Revision, Shard } from '../../store/store.js';
import type { TestRunner } from '../codec-contract.js';
import { bothHandles, raceByRevision } from './atomicity.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { Bench, StoreContractOptions } from './subject.js';

const maxBehindBytes = 4 * 2 ** 20;

/** How often a rule invalidates while others look, and how many look by each handle: what is wrong for one trip is seen by some of them. */
const roundsOfLooking = 20;
const lookersByHandle = 3;

/** `invalidate` and `readFeed`, of stores whose `capabilities.atomic` is true. */
export function feedRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  const rule = (name: string, test: (bench: FeedBench) => Promise<void>): void =>
    it(
      name,
      onBench(options, async (bench) => {
        if (bench.store.capabilities.atomic) await test(feedBench(bench));
      }),
    );

  describe('the feed', () => {
    rule('begins with nothing, and tells what is appended after the mark, once and in order', async (bench) => {
      const first = await bench.readFeed(undefined);
      assert.deepEqual(textsOf(first), []);
      await bench.append('a');
      await bench.append('b', 'c');
      const second = await bench.readFeed(first.mark);
      assert.deepEqual([second.gap, textsOf(second)], [undefined, ['a', 'b', 'c']]);
      assert.deepEqual(textsOf(await bench.readFeed(second.mark)), []);
    });

    rule('carries out each change, and answers what became of the writes', async (bench) => {
      const [gone, kept, count] = [bench.key('gone'), bench.key('kept'), bench.key('count')];
      await bench.at.write(gone, bytesOf('old'), forever);
      const answer = await bench.invalidate(
        [
          { remove: gone },
          { write: kept, bytes: bytesOf('new'), options: forever },
          { advance: count, by: 1, seed: 7 },
        ],
        ['x'],
      );
      assert.deepEqual(
        answer.outcomes.map(({ status }) => status),
        ['stored'],
      );
      const [first, second, third] = await bench.at.readMany([gone, kept, count]);
      assert.equal(first, undefined);
      assert.equal(second?.bytes.toString(), 'new');
      assert.ok(Number(third?.bytes.toString('latin1')) >= 7);
    });

    rule('refuses a write that is bound to another revision, and appends all the same', async (bench) => {
      const key = bench.key('a');
      const written = await bench.at.write(key, bytesOf('1'), forever);
      assert.ok(written.status === 'stored');
      await bench.at.write(key, bytesOf('2'), forever);
      const { mark } = await bench.readFeed(undefined);
      const write = { write: key, bytes: bytesOf('3'), options: { ...forever, only: written.revision } };
      const { outcomes } = await bench.invalidate([write], ['x']);
      assert.equal(outcomes[0]?.status, 'changed');
      assert.deepEqual(textsOf(await bench.readFeed(mark)), ['x']);
      assert.equal((await bench.at.readMany([key]))[0]?.bytes.toString(), '2');
    });

    rule('lets one of many invalidations that write over the same revision win', async (bench) => {
      const key = bench.key('a');
      await bench.at.write(key, bytesOf('start'), forever);
      const shards = await bothHandles(bench, bench.feed);
      const answers = await raceByRevision(shards, key, (handle, only, index) => {
        const write = { write: key, bytes: bytesOf(`${index}`), options: { ...forever, only } };
        return bench.invalidateBy(handle, [write], ['x']);
      });
      const winners = answers.flatMap(({ outcomes }, index) => (outcomes[0]?.status === 'stored' ? [`${index}`] : []));
      assert.equal(winners.length, 1);
      assert.equal((await bench.at.readMany([key]))[0]?.bytes.toString(), winners[0]);
    });

    rule('voids a stub, so that the fill which was bound to it is refused', async (bench) => {
      const key = bench.key('a');
      const [stub] = await bench.at.readOrStub([key], 3_000);
      await bench.invalidate([{ remove: key }], ['x']);
      const late = await bench.at.write(key, bytesOf('late'), { ...forever, only: stub?.revision ?? 'absent' });
      assert.equal(late.status, 'changed');
    });

    rule('tells of an invalidation only once what it removes is gone', async (bench) => {
      for (let round = 0; round < roundsOfLooking; round++) {
        const { keys, since, invalidate } = await removalOf(bench, round);
        await whileLooking(bench, invalidate, async (shard) => {
          const { records } = await bench.readFeedOf(shard, since);
          if (records.length === 0) return;
          const items = await shard.readMany(keys);
          const stale = items.filter((item) => item?.bytes.toString() === 'old').length;
          assert.equal(stale, 0, 'the feed told of an invalidation, and what it removes could still be read');
        });
      }
    });

    rule('refuses the fill of a stub that was won before the feed told of the invalidation', async (bench) => {
      for (let round = 0; round < roundsOfLooking; round++) {
        const { keys, since, invalidate } = await removalOf(bench, round);
        const early: { readonly key: string; readonly only: Revision }[] = [];
        await whileLooking(bench, invalidate, async (shard) => {
          const items = await shard.readOrStub(keys, 60_000);
          const { records, gap } = await bench.readFeedOf(shard, since);
          if (records.length > 0 || gap !== undefined) return;
          for (const [index, key] of keys.entries()) {
            const item = items[index];
            if (item?.won) early.push({ key, only: item.revision });
          }
        });
        for (const { key, only } of early) {
          const { status } = await bench.at.write(key, bytesOf('late'), { ...forever, only });
          const wrong = 'a lease that was won before the feed told of the invalidation was still good after it';
          assert.equal(status, 'changed', wrong);
        }
      }
    });

    rule('answers the revision of the watched item, and the item to readers', async (bench) => {
      const watch = bench.key('watched');
      assert.equal((await bench.invalidate([], ['x'], watch)).watched, undefined);
      const written = await bench.at.write(watch, bytesOf('w'), forever);
      assert.ok(written.status === 'stored');
      assert.deepEqual((await bench.invalidate([], ['y'], watch)).watched, written.revision);
      assert.equal((await bench.readFeed(undefined, watch)).watched?.bytes.toString(), 'w');
    });

    rule('is seen by another handle, and loses nothing of many writers at once', async (bench) => {
      const shards = await bothHandles(bench, bench.feed);
      const { mark } = await bench.readFeed(undefined);
      const names = Array.from({ length: 200 }, (_, index) => `name-${index}`);
      await Promise.all(names.map((name, index) => bench.appendTo(shards[index % shards.length] as Shard, name)));
      const seen = textsOf(await bench.readFeed(mark));
      assert.deepEqual([...new Set(seen)].sort(), [...names].sort());
    });

    rule('is read on from each mark while it grows over several rotations', async (bench) => {
      const filler = 'x'.repeat(maxRecordBytes - 10);
      let { mark } = await bench.readFeed(undefined);
      const early = mark;
      const seen: string[] = [];
      for (let index = 0; index < 40; index++) {
        await bench.append(`${index}:${filler}`);
        if (index % 3 !== 0) continue;
        const reading = await bench.readFeed(mark);
        assert.equal(reading.gap, undefined);
        seen.push(...textsOf(reading));
        mark = reading.mark;
      }
      seen.push(...textsOf(await bench.readFeed(mark)));
      // A record may stand twice where the feed moved on under its append.
      const numbers = (texts: readonly string[]): number[] => [...new Set(texts.map((text) => parseInt(text, 10)))];
      const expected = Array.from({ length: 40 }, (_, index) => index);
      assert.deepEqual(numbers(seen), expected);
      assert.deepEqual(numbers(textsOf(await bench.readFeed(early))), expected);
      assert.match((await bench.readFeed(early, undefined, 16 * 2 ** 10)).gap ?? '', /behind|lost|forgotten/);
    });

    rule('keeps the feeds of two names apart', async (bench) => {
      const mine = await bench.readFeed(undefined);
      await bench.at.invalidate?.({
        feed: `${bench.feed}2`,
        changes: [],
        records: [bytesOf('other')],
        watch: bench.key('w'),
      });
      assert.deepEqual(textsOf(await bench.readFeed(mine.mark)), []);
    });

    rule('tells a mark of another lineage that there is a gap', async (bench) => {
      await bench.append('a');
      const { mark } = await bench.readFeed(undefined);
      assert.ok(mark);
      const reading = await bench.readFeed({ ...mark, id: `not-${mark.id}` });
      assert.ok(reading.gap !== undefined);
      assert.deepEqual(reading.records, []);
    });
  });
}

interface FeedBench extends Bench {
  readonly feed: string;
  readonly at: Shard;
  invalidate(changes: readonly Change[], records: readonly string[], watch?: string): Promise<Invalidated>;
  invalidateBy(shard: Shard, changes: readonly Change[], records: readonly string[]): Promise<Invalidated>;
  append(...records: string[]): Promise<unknown>;
  appendTo(shard: Shard, ...records: string[]): Promise<unknown>;
  readFeed(since: Mark | undefined, watch?: string, behind?: number): Promise<FeedReading>;
  readFeedOf(shard: Shard, since: Mark | undefined): Promise<FeedReading>;
}

interface Removal {
  readonly keys: string[];
  readonly since: Mark | undefined;
  readonly invalidate: () => Promise<unknown>;
}

/** Some items, where the feed is before they are removed, and their removal. */
async function removalOf(bench: FeedBench, round: number): Promise<Removal> {
  const keys = Array.from({ length: 5 }, (_, index) => bench.key(`removed-${round}-${index}`));
  for (const each of keys) await bench.at.write(each, bytesOf('old'), forever);
  const { mark } = await bench.readFeed(undefined);
  const changes = keys.map((remove) => ({ remove }));
  return { keys, since: mark, invalidate: () => bench.invalidate(changes, ['x']) };
}

/** Looks again and again by each handle until the work has ended, and once after it. */
async function whileLooking(
  bench: FeedBench,
  work: () => Promise<unknown>,
  look: (shard: Shard) => Promise<void>,
): Promise<void> {
  const shards = await bothHandles(bench, bench.feed);
  const lookers = shards.flatMap((shard) => Array.from({ length: lookersByHandle }, () => shard));
  let isOver = false;
  const working = work().finally(() => (isOver = true));
  const looking = lookers.map(async (shard) => {
    while (!isOver) {
      await look(shard);
      await setImmediate();
    }
    await look(shard);
  });
  await Promise.all([working, ...looking]);
}

function feedBench(bench: Bench): FeedBench {
  const feed = bench.key('ns');
  const at = bench.shard(feed);
  const watch = bench.key('nothing');
  const missing = (): never => assert.fail('an atomic store has invalidate and readFeed');
  const append = (shard: Shard, invalidation: Invalidation): Promise<Invalidated> =>
    shard.invalidate?.(invalidation) ?? missing();
  const invalidateBy: FeedBench['invalidateBy'] = (shard, changes, records) =>
    append(shard, { feed, changes, records: records.map(bytesOf), watch });
  const readFeedOf: FeedBench['readFeedOf'] = (shard, since) =>
    shard.readFeed?.({ feed, since, watch, maxBehindBytes }) ?? missing();
  return {
    ...bench,
    feed,
    at,
    readFeedOf,
    invalidate: (changes, records, watched = watch) =>
      append(at, { feed, changes, records: records.map(bytesOf), watch: watched }),
    invalidateBy,
    append: (...records) => invalidateBy(at, [], records),
    appendTo: (shard, ...records) => invalidateBy(shard, [], records),
    readFeed: (since, watched = watch, behind = maxBehindBytes) =>
      at.readFeed?.({ feed, since, watch: watched, maxBehindBytes: behind }) ?? missing(),
  };
}

const textsOf = ({ records }: FeedReading): string[] => records.map((record) => record.toString());
