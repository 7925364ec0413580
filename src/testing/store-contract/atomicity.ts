import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { Revision, Shard, Store, WriteOutcome } from '../../store/store.js';
import type { TestRunner } from '../codec-contract.js';
import { bytesOf, forever, onBench } from './subject.js';
import type { Bench, StoreContractOptions } from './subject.js';

/** What fill leases, locks, `update` and the log stand on: asked of stores whose `capabilities.atomic` is true. */
export function atomicityRules({ describe, it }: TestRunner, options: StoreContractOptions): void {
  const rule = (name: string, test: (bench: Bench) => Promise<void>): void =>
    it(
      name,
      onBench(options, async (bench) => {
        if (bench.store.capabilities.atomic) await test(bench);
      }),
    );

  describe('conditional writes', () => {
    rule('with absent write only where nothing stands, stubs included', async ({ key, shard, read }) => {
      const [a, b] = [key('a'), key('b')];
      assert.equal((await shard(a).write(a, bytesOf('1'), { ...forever, only: 'absent' })).status, 'stored');
      assert.equal((await shard(a).write(a, bytesOf('2'), { ...forever, only: 'absent' })).status, 'exists');
      assert.equal((await read(a))?.bytes.toString(), '1');
      await shard(b).readOrStub([b], 60_000);
      assert.equal((await shard(b).write(b, bytesOf('2'), { ...forever, only: 'absent' })).status, 'exists');
      assert.equal((await read(b))?.bytes.length, 0);
      await shard(a).remove(a);
      assert.equal((await shard(a).write(a, bytesOf('3'), { ...forever, only: 'absent' })).status, 'stored');
    });

    rule('with a revision write only over that one', async ({ key, shard, read }) => {
      const a = key('a');
      const first = await stored(shard(a), a, 'first');
      const second = await stored(shard(a), a, 'second', first);
      assert.equal((await shard(a).write(a, bytesOf('late'), { ...forever, only: first })).status, 'changed');
      assert.equal((await read(a))?.bytes.toString(), 'second');
      await shard(a).remove(a);
      assert.equal((await shard(a).write(a, bytesOf('late'), { ...forever, only: second })).status, 'changed');
      assert.equal(await read(a), undefined);
    });

    rule('refuse the revision of what was removed and written anew', async ({ key, shard, read }) => {
      const a = key('a');
      const before = await stored(shard(a), a, 'same');
      await shard(a).remove(a);
      await stored(shard(a), a, 'same');
      assert.equal((await shard(a).write(a, bytesOf('late'), { ...forever, only: before })).status, 'changed');
      assert.equal(await shard(a).remove(a, before), 'changed');
      assert.equal((await read(a))?.bytes.toString(), 'same');
    });

    rule('refuse a revision of another session', async ({ key, shard, read }) => {
      const a = key('a');
      const { session, number } = await stored(shard(a), a, 'kept');
      const earlier = { session: session - 1, number };
      assert.equal((await shard(a).write(a, bytesOf('late'), { ...forever, only: earlier })).status, 'changed');
      assert.equal(await shard(a).remove(a, earlier), 'changed');
      assert.equal((await read(a))?.bytes.toString(), 'kept');
    });

    rule('are decided in the same way for what is irreplaceable', async ({ key, shard, read, ...bench }) => {
      const right = { ...forever, irreplaceable: true } as const;
      const [a, b] = [key('a'), key('b')];
      const add = (text: string): Promise<WriteOutcome> =>
        shard(a).write(a, bytesOf(text), { ...right, only: 'absent' });
      const first = await add('first');
      assert.ok(first.status === 'stored');
      assert.equal((await add('late')).status, 'exists');
      const replace = (text: string): Promise<WriteOutcome> =>
        shard(a).write(a, bytesOf(text), { ...right, only: first.revision });
      const second = await replace('second');
      assert.ok(second.status === 'stored');
      assert.equal((await replace('late')).status, 'changed');
      assert.deepEqual(await read(a).then((item) => [item?.bytes.toString(), item?.revision]), [
        'second',
        second.revision,
      ]);
      assert.equal(await shard(a).remove(a, second.revision), 'removed');
      assert.equal((await replace('late')).status, 'changed');
      const outcomes = await race(await bothHandles({ key, shard, read, ...bench }, b), (handle) =>
        handle.write(b, bytesOf('same'), { ...right, only: 'absent' }),
      );
      assert.equal(outcomes.filter(({ status }) => status === 'stored').length, 1);
      assert.equal(outcomes.filter(({ status }) => status === 'exists').length, 19);
    });

    rule('let one of many writers of the same revision win', async (bench) => {
      const [a, b] = [bench.key('a'), bench.key('b')];
      await stored(bench.shard(a), a, 'start');
      const outcomes = await raceByRevision(await bothHandles(bench, a), a, (handle, only, index) =>
        handle.write(a, bytesOf(`${index}`), { ...forever, only }),
      );
      const winners = outcomes.flatMap(({ status }, index) => (status === 'stored' ? [`${index}`] : []));
      assert.equal(winners.length, 1);
      assert.equal((await bench.read(a))?.bytes.toString(), winners[0]);
      const added = await race(await bothHandles(bench, b), (handle) =>
        handle.write(b, bytesOf('x'), { ...forever, only: 'absent' }),
      );
      assert.equal(added.filter(({ status }) => status === 'stored').length, 1);
      assert.equal(added.filter(({ status }) => status === 'exists').length, 19);
    });

    rule('refuse the revision of what another handle has replaced or removed', async (bench) => {
      const a = bench.key('a');
      const [here, there = here] = await bothHandles(bench, a);
      const first = await stored(here, a, 'first');
      await stored(there, a, 'second', await revisionIn(there, a));
      assert.equal((await here.write(a, bytesOf('late'), { ...forever, only: first })).status, 'changed');
      assert.equal(await here.remove(a, first), 'changed');
      const second = await revisionIn(here, a);
      const third = await stored(here, a, 'third', second);
      assert.equal(await there.remove(a, await revisionIn(there, a)), 'removed');
      assert.equal((await here.write(a, bytesOf('late'), { ...forever, only: third })).status, 'changed');
      assert.equal(await bench.read(a), undefined);
    });
  });

  describe('conditional removals', () => {
    rule('remove only that revision', async ({ key, shard, read }) => {
      const a = key('a');
      const first = await stored(shard(a), a, 'first');
      const second = await stored(shard(a), a, 'second');
      assert.equal(await shard(a).remove(a, first), 'changed');
      assert.equal((await read(a))?.bytes.toString(), 'second');
      assert.equal(await shard(a).remove(a, second), 'removed');
      assert.equal(await shard(a).remove(a, second), 'absent');
    });

    rule('go to one of many who remove the same revision', async (bench) => {
      const a = bench.key('a');
      await stored(bench.shard(a), a, 'there');
      const outcomes = await raceByRevision(await bothHandles(bench, a), a, (handle, only) => handle.remove(a, only));
      assert.equal(outcomes.filter((outcome) => outcome === 'removed').length, 1);
      assert.equal(await bench.read(a), undefined);
    });

    rule('do not reach what another handle writes over that revision meanwhile', async (bench) => {
      for (let turns = 0; turns < mostTurns; turns++) {
        const key = bench.key(`${turns}`);
        const [here, there = here] = await bothHandles(bench, key);
        const ours = await stored(here, key, 'old');
        const theirs = await revisionIn(there, key);
        const removal = here.remove(key, ours);
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        const { status } = await there.write(key, bytesOf('new'), { ...forever, only: theirs });
        const left = status === 'stored' ? ['changed', 'new'] : ['removed', undefined];
        assert.deepEqual([await removal, (await bench.read(key))?.bytes.toString()], left);
      }
    });
  });

  describe('stubs', () => {
    rule('are given where nothing is, and won by the one who made them', async ({ key, store }) => {
      const shard = store.shards[0];
      await shard.write(key('present'), bytesOf('here'), forever);
      const [won, present, again] = await shard.readOrStub([key('absent'), key('present'), key('absent')], 60_000);
      assert.ok(won && present && again);
      assert.deepEqual([won.won, won.bytes.length], [true, 0]);
      assert.deepEqual([present.won, present.bytes.toString()], [false, 'here']);
      assert.deepEqual([again.won, again.bytes.length], [false, 0]);
      assert.deepEqual(again.revision, won.revision);
      const [read] = await shard.readMany([key('absent')]);
      assert.deepEqual([read?.bytes.length, read?.revision], [0, won.revision]);
      assert.deepEqual(await shard.readOrStub([], 60_000), []);
    });

    rule('are won exactly once among concurrent callers', async (bench) => {
      const keys = Array.from({ length: 10 }, (_, index) => bench.key(`${index}`));
      const rounds = await Promise.all(
        keys.flatMap((key) =>
          Array.from({ length: 30 }, async (_, index) => {
            const shards = await bothHandles(bench, key);
            const [item] = await (shards[index % shards.length] as Shard).readOrStub([key], 60_000);
            return item?.won ? [key] : [];
          }),
        ),
      );
      assert.deepEqual(rounds.flat().sort(), [...keys].sort());
    });

    rule('take the value of their winner, and of nobody who comes later', async ({ key, shard, read }) => {
      const a = key('a');
      const [stub] = await shard(a).readOrStub([a], 60_000);
      assert.ok(stub?.won);
      const renewed = await stored(shard(a), a, '', stub.revision);
      assert.equal((await shard(a).readOrStub([a], 60_000))[0]?.won, false);
      assert.equal((await shard(a).write(a, bytesOf('late'), { ...forever, only: stub.revision })).status, 'changed');
      await stored(shard(a), a, 'loaded', renewed);
      assert.equal((await read(a))?.bytes.toString(), 'loaded');
    });

    rule('that were removed or overwritten refuse the fill', async ({ key, shard, read }) => {
      const a = key('a');
      const [removed] = await shard(a).readOrStub([a], 60_000);
      await shard(a).remove(a);
      const [anew] = await shard(a).readOrStub([a], 60_000);
      assert.ok(removed?.won && anew?.won);
      const late = { ...forever, only: removed.revision };
      assert.equal((await shard(a).write(a, bytesOf('late'), late)).status, 'changed');
      assert.equal((await read(a))?.bytes.length, 0);
      await stored(shard(a), a, 'written');
      const later = { ...forever, only: anew.revision };
      assert.equal((await shard(a).write(a, bytesOf('late'), later)).status, 'changed');
      assert.equal((await read(a))?.bytes.toString(), 'written');
    });
  });
}

async function stored(shard: Shard, key: string, text: string, only?: Revision): Promise<Revision> {
  const outcome = await shard.write(key, bytesOf(text), only ? { ...forever, only } : forever);
  assert.ok(outcome.status === 'stored', `the write of '${text}' was ${outcome.status}`);
  return outcome.revision;
}

/** What the handle calls the item: a revision is worth something to whoever was given it alone. */
async function revisionIn(shard: Shard, key: string): Promise<Revision> {
  const [item] = await shard.readMany([key]);
  assert.ok(item, 'it could not be read');
  return item.revision;
}

const racers = 20;
/** So many turns later than a removal another handle writes, at most: a removal that takes several steps is met between two of them. */
const mostTurns = 10;

/** Many at once, by turns in each handle. */
export function race<R>(shards: readonly Shard[], run: (shard: Shard, index: number) => Promise<R>): Promise<R[]> {
  return Promise.all(Array.from({ length: racers }, (_, index) => run(shards[index % shards.length] as Shard, index)));
}

/** As {@link race}, by the revision of one state of an item, which each handle has read before. */
export async function raceByRevision<R>(
  shards: readonly Shard[],
  key: string,
  run: (shard: Shard, revision: Revision, index: number) => Promise<R>,
): Promise<R[]> {
  const revisions = new Map<Shard, Revision>();
  for (const shard of shards) revisions.set(shard, await revisionIn(shard, key));
  return race(shards, (shard, index) => run(shard, revisions.get(shard) as Revision, index));
}

const secondHandles = new WeakMap<Store, Promise<Store>>();

/** The shard of the key here, and in the second handle if there is one. */
export async function bothHandles({ store, secondHandle }: Bench, key: string): Promise<[Shard, ...Shard[]]> {
  if (!secondHandle) return [store.shardOf(key)];
  const second = secondHandles.get(store) ?? secondHandle();
  secondHandles.set(store, second);
  return [store.shardOf(key), (await second).shardOf(key)];
}
