import { setImmediate } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Memoize } from '../../src/decorator/memoize.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { Invalidated, Invalidation } from '../../src/store/feed.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { isSameRevision } from '../../src/store/is-same-revision.js';
import type { Revision, Shard, Store, WriteOutcome } from '../../src/store/store.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { TestRunner } from '../../src/testing/codec-contract.js';
import { recordEvents } from '../../src/testing/event-recorder.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { faultyStore } from '../../src/testing/faulty-store.js';
import type { StoreFault } from '../../src/testing/faulty-store.js';
import { lockContract } from '../../src/testing/lock-contract.js';
import { replaceStores } from '../../src/testing/replace-stores.js';
import { storeContract } from '../../src/testing/store-contract.js';
import type { StoreSubject } from '../../src/testing/store-contract.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { shardWith } from '../support/shard-with.js';

describe('FakeClock', () => {
  it('stands still until it is moved, and runs what falls due at its instant and in order', async () => {
    const clock = new FakeClock(1_000);
    const ran: [string, number][] = [];
    clock.after(30, () => ran.push(['late', clock.now()]));
    clock.after(10, () => {
      ran.push(['early', clock.now()]);
      clock.after(5, () => ran.push(['nested', clock.now()]));
    });
    clock.after(20, () => ran.push(['cancelled', clock.now()])).cancel();
    await clock.advance(9);
    expect(ran).toEqual([]);
    await clock.advance(20);
    expect(ran).toEqual([
      ['early', 1_010],
      ['nested', 1_015],
    ]);
    await clock.advance('1s');
    expect(ran[2]).toEqual(['late', 1_030]);
    expect([clock.now(), clock.monotonic(), clock.waiting]).toEqual([2_029, 1_029, 0]);
  });

  it('wakes sleepers at their time and when they are called', async () => {
    const clock = new FakeClock();
    const woken: string[] = [];
    const abort = new AbortController();
    void clock.sleep(100).then(() => woken.push('slept'));
    void clock.sleep(1_000, abort.signal).then(() => woken.push('called'));
    abort.abort();
    await clock.advance(0);
    expect(woken).toEqual(['called']);
    await clock.advance(100);
    expect(woken).toEqual(['called', 'slept']);
    expect(clock.waiting).toBe(0);
  });

  it('moves while the timers of the test runner are fake', async () => {
    jest.useFakeTimers();
    try {
      const clock = new FakeClock();
      const ran: string[] = [];
      clock.after(0, () => ran.push('soon'));
      clock.after(10, () => ran.push('due'));
      await clock.advance(10);
      expect(ran).toEqual(['soon', 'due']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('jumps on the wall alone', () => {
    const clock = new FakeClock(5_000);
    clock.jump(-2_000);
    expect([clock.now(), clock.monotonic()]).toEqual([3_000, 0]);
  });
});

describe('A faulty store that is not told to fail', () => {
  storeContract(
    { describe, it },
    {
      name: 'faulty memory',
      open: async () => {
        const clock = new FakeClock();
        const store = faultyStore(memoryStore({ clock, maxItemBytes: 2 ** 20 }));
        await store.open();
        return { store, advance: (ms) => clock.advance(ms), dispose: () => store.close() };
      },
      tooLargeBytes: 2 ** 20 + 1,
    },
  );
});

/** How the suite of stores judges one: the names of the rules that fail, and why. */
const failuresOf = (open: () => Promise<StoreSubject>): Promise<Record<string, string>> =>
  failuresIn((runner) => storeContract(runner, { name: 'of somebody', open, tooLargeBytes: 2 ** 20 + 1 }));

async function failuresIn(suite: (runner: TestRunner) => void): Promise<Record<string, string>> {
  const rules: [string, () => void | Promise<void>][] = [];
  suite({ describe: (_, define) => define(), it: (name, test) => void rules.push([name, test]) });
  const failures: Record<string, string> = {};
  for (const [name, test] of rules) {
    try {
      await test();
    } catch (error) {
      failures[name] = (error as Error).message;
    }
  }
  return failures;
}

/** A store in memory whose invalidations take two steps. */
function inTwoSteps(invalidate: (shard: Shard, asked: Invalidation) => Promise<Invalidated>, clock: FakeClock): Store {
  const store = memoryStore({ clock, maxItemBytes: 2 ** 20 });
  const [inner] = store.shards;
  const original = inner.invalidate?.bind(inner);
  const whole = Object.assign(Object.create(inner) as Shard, { invalidate: original });
  return Object.assign(store, {
    shards: [Object.assign(inner, { invalidate: (asked: Invalidation) => invalidate(whole, asked) })],
  });
}

const invalidated = (shard: Shard, asked: Invalidation): Promise<Invalidated> =>
  shard.invalidate?.(asked) ?? Promise.reject(new Error('the shard has no feed'));

const apart = ({ feed, watch, changes, records }: Invalidation) => ({
  changesAlone: { feed, watch, changes, records: [] },
  recordsAlone: { feed, watch, changes: [], records },
});

/**
 * A handle on what the store holds. What it decides by a revision it decides by what it has read, one after the other: no other of its own operations
 * comes between, and those of other handles do.
 */
function decidingByItself(store: Store, operation: 'write' | 'remove' | 'invalidate' | 'draw'): Store {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
  const stands = async (shard: Shard, key: string, revision: Revision): Promise<boolean> => {
    const [item] = await shard.readMany([key]);
    await setImmediate();
    return isSameRevision(item?.revision, revision);
  };
  return storeBehind(store, (shard) => {
    const write: Shard['write'] = (key, bytes, { only, ...options }) =>
      inTurn(async (): Promise<WriteOutcome> => {
        if (typeof only !== 'object') return shard.write(key, bytes, { ...options, ...(only && { only }) });
        return (await stands(shard, key, only)) ? shard.write(key, bytes, options) : { status: 'changed' };
      });
    const remove: Shard['remove'] = (key, revision) =>
      inTurn(async () => {
        if (!revision || (await stands(shard, key, revision))) return shard.remove(key);
        return shard.remove(key, revision);
      });
    const invalidate = (asked: Invalidation): Promise<Invalidated> =>
      inTurn(async () => {
        const [change] = asked.changes;
        if (!change || !('write' in change) || typeof change.options.only !== 'object')
          return invalidated(shard, asked);
        const { only, ...options } = change.options;
        const isFree = await stands(shard, change.write, only);
        return invalidated(shard, isFree ? { ...asked, changes: [{ ...change, options }] } : asked);
      });
    const draw: Shard['draw'] = (key, atLeast, lifeMs) =>
      inTurn(async () => {
        const [item] = await shard.readMany([key]);
        await setImmediate();
        const number = Math.max(Number(item?.bytes.toString('latin1') ?? 0) + 1 || 0, atLeast, Date.now() * 1_000);
        await shard.write(key, Buffer.from(`${number}`), { lifeMs: lifeMs + 3_600_000 });
        return number;
      });
    const own = { write, remove, invalidate, draw }[operation];
    return shardWith(shard, { [operation]: own });
  });
}

describe('The suite of stores', () => {
  const judged = (invalidate: (shard: Shard, asked: Invalidation) => Promise<Invalidated>) =>
    failuresOf(async () => {
      const clock = new FakeClock();
      const store = inTwoSteps(invalidate, clock);
      await store.open();
      return { store, advance: (ms) => clock.advance(ms), dispose: () => store.close() };
    });

  it('refuses a store whose feed tells of a removal that comes a turn later', async () => {
    const failures = await judged(async (shard, asked) => {
      const { changesAlone, recordsAlone } = apart(asked);
      const answer = await invalidated(shard, recordsAlone);
      await setImmediate();
      return { ...answer, outcomes: (await invalidated(shard, changesAlone)).outcomes };
    });
    expect(failures).toEqual({
      'tells of an invalidation only once what it removes is gone': expect.stringContaining('could still be read'),
    });
  });

  it('refuses a store whose feed tells of a removal a turn later, unless it removes once more', async () => {
    const telling = (again: boolean) => async (shard: Shard, asked: Invalidation) => {
      const { changesAlone, recordsAlone } = apart(asked);
      const { outcomes } = await invalidated(shard, changesAlone);
      await setImmediate();
      const answer = await invalidated(shard, recordsAlone);
      const removals = asked.changes.filter((change) => 'remove' in change);
      if (again) await invalidated(shard, { ...changesAlone, changes: removals });
      return { ...answer, outcomes };
    };
    expect(await judged(telling(false))).toEqual({
      'refuses the fill of a stub that was won before the feed told of the invalidation':
        expect.stringContaining('was still good after it'),
    });
    expect(await judged(telling(true))).toEqual({});
  });

  it.each([
    ['writes by revision', 'write', ['let one of many writers of the same revision win']],
    ['removals by revision', 'remove', ['do not reach what another handle writes over that revision meanwhile']],
    ['invalidations', 'invalidate', ['lets one of many invalidations that write over the same revision win']],
    ['draws', 'draw', ['draw numbers that only grow, by the clock and by what was asked for']],
  ] as const)('refuses a store whose %s are atomic in one handle alone', async (_, operation, rules) => {
    const open = async () => {
      const clock = new FakeClock();
      const held = memoryStore({ clock, maxItemBytes: 2 ** 20 });
      await held.open();
      const handle = () => decidingByItself(held, operation);
      const subject = { store: handle(), advance: (ms: number) => clock.advance(ms), dispose: () => held.close() };
      return { ...subject, secondHandle: async () => handle() };
    };
    expect(Object.keys(await failuresOf(open))).toEqual(rules);
  });

  it('asks for a second handle where other processes reach the store', async () => {
    const open = async () => {
      const clock = new FakeClock();
      const store = memoryStore({ clock, maxItemBytes: 2 ** 20 });
      Object.assign(store, { capabilities: { ...store.capabilities, reach: 'fleet' } });
      await store.open();
      return { store, advance: (ms: number) => clock.advance(ms), dispose: () => store.close() };
    };
    expect(Object.values(await failuresOf(open))).toEqual([expect.stringContaining('Give the suite a secondHandle')]);
  });
});

describe('The suite of locks', () => {
  it('refuses locks that hold in one of two handles alone', async () => {
    const open = async () => ({ store: memoryStore(), secondHandle: async () => memoryStore(), close: async () => {} });
    const failures = await failuresIn((runner) => lockContract(runner, { name: 'of somebody', open }));
    expect(Object.keys(failures)).toContain('go to exactly one of many who ask at once');
  });
});

describe('A faulty store', () => {
  const key = 'a';
  const write = (shard: ReturnType<typeof faultyStore>['shards'][0]) =>
    shard.write(key, Buffer.from('written'), { lifeMs: Infinity });

  it('throws without doing anything, for the operations that were named', async () => {
    const store = faultyStore(memoryStore());
    const [shard] = store.shards;
    await store.during('throws', async () => expect(write(shard)).rejects.toThrow(StoreUnavailableError), ['write']);
    expect(await shard.readMany([key])).toEqual([undefined]);
    expect([store.calls('write'), store.calls('readMany')]).toEqual([1, 1]);
  });

  it('loses replies to writes that arrived', async () => {
    const store = faultyStore(memoryStore());
    const [shard] = store.shards;
    await store.during('loses', async () => expect(write(shard)).rejects.toThrow(StoreUnavailableError));
    expect((await shard.readMany([key]))[0]?.bytes.toString()).toBe('written');
  });

  it('hangs until it is healed', async () => {
    const store = faultyStore(memoryStore());
    store.fail('hangs');
    let settled = false;
    const hung = write(store.shards[0]).finally(() => (settled = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(settled).toBe(false);
    store.heal();
    await expect(hung).rejects.toThrow(StoreUnavailableError);
  });

  it('goes on to fail by what it was told before, once `during` has ended', async () => {
    const store = faultyStore(memoryStore());
    const [shard] = store.shards;
    store.fail('throws', ['write']);
    await store.during('corrupts', () => shard.readMany([key]));
    await expect(write(shard)).rejects.toThrow(StoreUnavailableError);
    await store.during('loses', () => expect(write(shard)).rejects.toThrow(StoreUnavailableError));
    await expect(write(shard)).rejects.toThrow(StoreUnavailableError);
    store.heal();
    expect((await shard.readMany([key]))[0]?.bytes.toString()).toBe('written');
    expect(await write(shard)).toMatchObject({ status: 'stored' });
  });

  it('leaves what hangs by one fault alone when another one ends', async () => {
    const store = faultyStore(memoryStore());
    const [shard] = store.shards;
    const settled: string[] = [];
    const hang = (name: string) => write(shard).catch(() => settled.push(name));
    const ends: (() => void)[] = [];
    const during = (name: string) => {
      const hung: { write?: Promise<unknown> } = {};
      const ended = store.during('hangs', () => {
        hung.write = hang(name);
        return new Promise<void>((end) => ends.push(end));
      });
      return { ended, hung };
    };
    const [one, other] = [during('one'), during('other')];
    ends[0]?.();
    await Promise.all([one.ended, one.hung.write]);
    const later = hang('later');
    await setImmediate();
    expect(settled).toEqual(['one']);
    ends[1]?.();
    await Promise.all([other.ended, other.hung.write, later]);
    expect(settled).toEqual(['one', 'other', 'later']);
    expect(await write(shard)).toMatchObject({ status: 'stored' });
  });

  it('corrupts what is read, once', async () => {
    const store = faultyStore(memoryStore());
    const [shard] = store.shards;
    await write(shard);
    const read = async () => (await shard.readMany([key]))[0]?.bytes.toString();
    expect(await store.during('corrupts', read)).toBe('wriuten');
    expect(await read()).toBe('written');
  });

  it.each<StoreFault>(['throws', 'hangs', 'loses', 'corrupts'])('that %s fails no read of a cache', async (fault) => {
    const store = faultyStore(memoryStore());
    const cache = new TieredCache({ name: 'test', namespace: 'test', packageVersion: '1', store, process: false });
    await cache.open();
    await cache.set('a', 1);
    await store.during(fault, async () => expect(await cache.getOrSet('a', () => 2)).toBe(2));
    await cache.close();
  });
});

@Injectable()
class Courses {
  loads = 0;
  @Memoize({ ttl: '5m' })
  async find(slug: string): Promise<string> {
    return `${slug} ${++this.loads}`;
  }
}

describe('replaceStores', () => {
  let module: TestingModule | undefined;
  afterEach(() => module?.close());

  it('puts memory in the place of stores that nobody can reach, and moves on the given clock', async () => {
    const dead = faultyStore(memoryStore());
    dead.fail('throws');
    @Module({
      imports: [
        TieredCacheModule.forRoot({ namespace: 'a', packageVersion: '1', stores: dead, lock: { store: dead } }),
        TieredCacheModule.forRootAsync({
          name: 'b',
          useFactory: () => ({ namespace: 'b', packageVersion: '1', stores: dead }),
        }),
      ],
      providers: [Courses],
    })
    class AppModule {}
    const clock = new FakeClock();
    const events = recordEvents('hit', 'miss', 'loadStarted', 'fault');
    module = await replaceStores(Test.createTestingModule({ imports: [AppModule] }), { clock }).compile();
    const courses = module.get(Courses);
    expect([await courses.find('a'), await courses.find('a')]).toEqual(['a 1', 'a 1']);
    await clock.advance('4m');
    expect(await courses.find('a')).toBe('a 1');
    await clock.advance('1m');
    expect(await courses.find('a')).toBe('a 2');
    events.stop();
    expect(events.transcript).toEqual(['miss', 'loadStarted', 'hit', 'hit', 'miss', 'loadStarted']);
    expect(events.of('hit')[0]).toMatchObject({ tier: 'process', key: 'Courses:find:a' });
    expect(await module.get(CacheLock).using('a', {}, (lease) => lease.resource)).toBe('a');
    expect(['readMany', 'readOrStub', 'write'].map((one) => dead.calls(one as 'write'))).toEqual([0, 0, 0]);
  });

  it('puts memory in the place of a store whose locks reach the fleet', async () => {
    const imports = [TieredCacheModule.forRoot({ namespace: 'a', packageVersion: '1', lock: { reach: 'fleet' } })];
    module = await replaceStores(Test.createTestingModule({ imports })).compile();
    expect(await module.get(CacheLock).using('a', {}, (lease) => lease.resource)).toBe('a');
  });

  it('leaves a reach of locks that is none to be refused', async () => {
    const lock = { reach: 'planet' as 'fleet' };
    const imports = [TieredCacheModule.forRoot({ namespace: 'a', packageVersion: '1', lock })];
    const starts = replaceStores(Test.createTestingModule({ imports })).compile();
    await expect(starts).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'lock.reach' });
  });
});
