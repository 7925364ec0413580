import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { CacheLockConfiguration } from '../../src/lock/cache-lock.js';
import { FencingCounter } from '../../src/lock/fencing-counter.js';
import { placeLock } from '../../src/lock/lock-place.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { InvalidKeyError, StoreUnavailableError } from '../../src/value/errors.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { leaseOf } from './support/open-locks.js';

let clock: VirtualClock;
let store: Store;
let shard: Shard;
/** What the store was asked, in order. */
let asked: string[];

type Operation = 'readMany' | 'write' | 'remove' | 'increment';

beforeEach(() => {
  clock = new VirtualClock();
  store = memoryStore({ clock });
  [shard] = store.shards;
  asked = [];
  for (const name of ['readMany', 'write', 'remove', 'increment'] as const)
    answers(name, (whole) => {
      asked.push(name);
      return whole();
    });
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function go(ms: number): Promise<void> {
  await settle();
  await clock.advanceTo(clock.monotonic() + ms, settle);
  await settle();
}
const locksWith = (more: Partial<CacheLockConfiguration> = {}): CacheLock =>
  new CacheLock({ store, namespace: 'test', clock, ttl: '30s', ...more });
const unavailable = (): Promise<never> => Promise.reject(new StoreUnavailableError('memory', 'it is away'));
const never = (): Promise<never> => new Promise(() => {});

/** Puts something between a command and its answer; `whole` sends the command. */
function answers(name: Operation, between: (whole: () => Promise<never>) => Promise<never>): void {
  const through = shard[name].bind(shard) as (...args: unknown[]) => Promise<never>;
  shard[name] = (...args: unknown[]): Promise<never> => between(() => through(...args));
}

/** The same store, with a clock of whole seconds. */
const coarse = (): Store =>
  Object.create(store, {
    capabilities: { value: { ...store.capabilities, clockResolutionMs: 1_000 } },
  }) as Store;

/** Resolves to the outcome, once the clock has moved on so far. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  await go(ms);
  return Promise.race([work, settle().then(() => Promise.reject(new Error(`not settled after ${ms} ms`)))]);
}

describe('an acquisition', () => {
  it('without an answer is unavailable after half a second, and not before', async () => {
    answers('write', never);
    let status: string | undefined;
    void locksWith()
      .acquire('a')
      .then((outcome) => (status = outcome.status));
    await go(499);
    expect(status).toBeUndefined();
    await go(1);
    expect(status).toBe('unavailable');
  });

  it('waits for an answer twice as long as one of its store may take, unless a deadline is given', async () => {
    answers('write', never);
    const slow = Object.create(store, {
      capabilities: { value: { ...store.capabilities, deadlineMs: 2_000 } },
    }) as Store;
    const status: Record<string, string> = {};
    const ask = (resource: string, locks: CacheLock): void =>
      void locks.acquire(resource).then((outcome) => (status[resource] = outcome.status));
    ask('as the store', locksWith({ store: slow }));
    ask('as given', locksWith({ store: slow, deadline: '1s' }));
    await go(1_000);
    expect(status).toEqual({ 'as given': 'unavailable' });
    await go(2_999);
    expect(status).toEqual({ 'as given': 'unavailable' });
    await go(1);
    expect(status).toEqual({ 'as given': 'unavailable', 'as the store': 'unavailable' });
  });

  it('whose answer comes at the very end of its life is none', async () => {
    answers('write', async (whole) => {
      const answer = await whole();
      clock.skip(400 - store.capabilities.clockResolutionMs);
      return answer;
    });
    const outcome = await within(1_000, locksWith({ ttl: '400ms' }).acquire('a', { fencing: false }));
    expect(outcome.status).toBe('unavailable');
  });

  it('that the store refuses is an error of the caller', async () => {
    answers('write', () => Promise.reject(new InvalidKeyError('the store refuses it')));
    await expect(locksWith().acquire('a')).rejects.toThrow(InvalidKeyError);
  });

  it('that finds the lock free and taken again four times says that it is held', async () => {
    answers('write', async () => ({ status: 'exists' }) as never);
    expect(await locksWith().acquire('a')).toEqual({ status: 'held' });
    expect(asked.filter((name) => name === 'readMany')).toHaveLength(4);
  });

  it.each([800, 1_200])('whose own token is found %d ms later gets a whole life anew', async (lateMs) => {
    const countedFrom = lateMs + 20;
    let lost = false;
    answers('write', async (whole) => {
      const written = await whole();
      if (lost) return written;
      lost = true;
      return unavailable();
    });
    answers('readMany', async (whole) => {
      await clock.sleep(lateMs);
      lateMs = 0;
      return whole();
    });
    const began = clock.monotonic();
    const acquiring = locksWith({ ttl: '2s', deadline: '30s' }).acquire('a', { renew: false });
    const lease = leaseOf(await within(1_500, acquiring));
    expect(lease.validUntil).toBe(began + countedFrom + 2_000 - 1);
  });

  it('that nobody wants any more when it is granted leaves no lock behind', async () => {
    const gone = new AbortController();
    answers('write', async (whole) => {
      const written = await whole();
      gone.abort(new Error('gone'));
      return written;
    });
    const locks = locksWith();
    await expect(locks.acquire('a', { signal: gone.signal })).rejects.toThrow('gone');
    expect((await locks.acquire('a')).status).toBe('acquired');
  });

  it('that a shutdown overtakes is unavailable', async () => {
    const locks = locksWith();
    answers('write', async (whole) => {
      const written = await whole();
      void locks.shutdown(0);
      return written;
    });
    expect(await within(1, locks.acquire('a'))).toMatchObject({ status: 'unavailable' });
  });

  it('that a shutdown overtakes is waited for, and leaves no lock behind', async () => {
    const locks = locksWith();
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    answers('write', async (whole) => {
      const written = await whole();
      await answered;
      return written;
    });
    const taking = locks.acquire('a');
    await settle();
    let over = false;
    const shutdown = locks.shutdown(10_000).then(() => (over = true));
    await settle();
    expect(over).toBe(false);
    answer();
    expect(await taking).toMatchObject({ status: 'unavailable' });
    await shutdown;
    expect((await locksWith().acquire('a')).status).toBe('acquired');
  });

  it('that is answered asks for nothing afterwards', async () => {
    leaseOf(await locksWith().acquire('a', { renew: false }));
    asked.splice(0);
    await go(20_000);
    expect(asked).toEqual([]);
  });
});

describe('a lease', () => {
  it('is renewed before half of what a coarse clock leaves of it', async () => {
    const lease = leaseOf(await locksWith({ store: coarse(), ttl: '2s' }).acquire('a'));
    const { validUntil } = lease;
    await go(499);
    expect(lease.validUntil).toBe(validUntil);
    await go(1);
    expect(lease.validUntil).toBe(validUntil + 500);
  });

  it('that is resumed by a clock that was set back has no more than its life, less the resolution', async () => {
    const locks = locksWith({ store: coarse() });
    const json = JSON.stringify(leaseOf(await locks.acquire('a')));
    const now = clock.now();
    clock.now = () => now - 3_600_000;
    expect(locks.resume(json).validUntil).toBe(clock.monotonic() + 29_000);
  });

  it('takes no larger fencing token that was drawn after its right had ended', async () => {
    const lease = leaseOf(await locksWith().acquire('a', { renew: false }));
    const { fencingToken } = lease;
    answers('write', async (whole) => {
      const drawn = await whole();
      await clock.sleep(30_000);
      return drawn;
    });
    const raising = expect(lease.raiseFencingToken(fencingToken + 10)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await go(60_000);
    await raising;
    expect(lease.fencingToken).toBe(fencingToken);
  });

  it('whose release was not answered is removed as soon as the store answers, however often that fails first', async () => {
    const locks = locksWith();
    const lease = leaseOf(await locks.acquire('a'));
    let away = true;
    answers('remove', (whole) => (away ? unavailable() : whole()));
    expect(await within(500, lease.release())).toBe('unknown');
    await go(3_000); // it was looked for, found, and not removed
    away = false;
    expect((await locks.acquire('a')).status).toBe('held');
    await go(2_500);
    expect((await locks.acquire('a')).status).toBe('acquired');
  });

  it('whose removal arrived, and was not answered, is not known to be released, and never said to be lost', async () => {
    const lease = leaseOf(await locksWith().acquire('a'));
    answers('remove', async (whole) => {
      await whole();
      return unavailable();
    });
    expect(await within(500, lease.release())).toBe('unknown');
  });

  it('that somebody else has removed before the removal arrived is lost', async () => {
    const lease = leaseOf(await locksWith().acquire('a'));
    answers('remove', async (whole) => {
      await whole();
      return 'changed' as never;
    });
    expect(await lease.release()).toBe('lost');
  });

  it('that others keep writing over is given up after a few tries', async () => {
    const lease = leaseOf(await locksWith().acquire('a'));
    answers('remove', async () => 'changed' as never);
    asked = [];
    expect(await lease.release()).toBe('unknown');
    expect(asked.filter((name) => name === 'readMany')).toHaveLength(5);
  });

  it('that was released is not renewed, and the store is not asked', async () => {
    const lease = leaseOf(await locksWith().acquire('a'));
    await lease.release();
    asked.splice(0);
    expect(await lease.renew()).toBe(false);
    expect(asked).toEqual([]);
  });

  it('whose right has ended while no timer could run is not renewed, and the store is not asked', async () => {
    const lease = leaseOf(await locksWith().acquire('a', { renew: false }));
    asked.splice(0);
    clock.skip(30_000);
    expect(await lease.renew()).toBe(false);
    expect(asked).toEqual([]);
  });

  it('whose right has ended while no timer could run is lost for whoever combines its signal with others', async () => {
    const lease = leaseOf(await locksWith().acquire('a', { renew: false }));
    clock.skip(30_000);
    expect(AbortSignal.any([lease.signal]).aborted).toBe(true);
  });

  it('says what became of it', async () => {
    const locks = locksWith();
    const [held, released, lost] = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => leaseOf(await locks.acquire(name, { renew: name !== 'c' }))),
    );
    await released?.release();
    await go(30_000);
    expect(lost?.signal.aborted).toBe(true);
    expect([held, released, lost].map((lease) => /held|released|lost/.exec(inspect(lease))?.[0])).toEqual([
      'held',
      'released',
      'lost',
    ]);
  });
});

describe('a line of waiters', () => {
  it('is told at once when the first learns that nobody can know, and asks no more', async () => {
    const locks = locksWith();
    leaseOf(await locks.acquire('a', { renew: false }));
    const waiting = [1, 2, 3].map(() => locks.acquire('a', { wait: '1m' }));
    await settle();
    answers('readMany', () => {
      asked.push('failed');
      return unavailable();
    });
    const outcomes = await within(1_000, Promise.all(waiting));
    expect(outcomes.map(({ status }) => status)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(asked.filter((name) => name === 'failed')).toHaveLength(3);
  });

  it('says held to nobody before the store has answered anybody', async () => {
    answers('write', never);
    const locks = locksWith();
    const told: string[] = [];
    for (const [name, wait] of [
      ['first', 10_000],
      ['second', 100],
      ['third', 200],
    ] as const) {
      void locks.acquire('a', { wait }).then(({ status }) => told.push(`${name}: ${status}`));
    }
    await go(499);
    expect(told).toEqual([]);
    await go(1);
    expect(told).toEqual(['first: unavailable', 'second: unavailable', 'third: unavailable']);
  });

  it('says held to whose time was up, once another of it has the lock', async () => {
    answers('write', (whole) => clock.sleep(200).then(whole));
    const locks = locksWith();
    const first = locks.acquire('a', { wait: '10s', fencing: false });
    const [second, third] = [locks.acquire('a', { wait: 100 }), locks.acquire('a', { wait: 150 })];
    let told = false;
    void second.then(() => (told = true));
    await go(199);
    expect(told).toBe(false);
    await go(1);
    expect(await Promise.all([first, second, third])).toMatchObject([
      { status: 'acquired' },
      { status: 'held' },
      { status: 'held' },
    ]);
  });

  it('lets the next one ask, though its time is up, where the first got no answer that counts for others', async () => {
    let isFirst = true;
    answers('write', async (whole) => {
      if (!isFirst) return whole();
      isFirst = false;
      await clock.sleep(200);
      throw new InvalidKeyError('the store refuses it');
    });
    const locks = locksWith();
    const first = expect(locks.acquire('a', { wait: '10s' })).rejects.toThrow(InvalidKeyError);
    const others = [locks.acquire('a', { wait: 100 }), locks.acquire('a', { wait: 100 })];
    await go(200);
    await first;
    expect(await Promise.all(others)).toMatchObject([{ status: 'acquired' }, { status: 'held' }]);
  });

  it('rests for 25 to 50 ms after sixteen hand-overs, so that other processes have their chance', async () => {
    const locks = locksWith();
    const first = leaseOf(await locks.acquire('a'));
    const begun: number[] = [];
    const sections = Array.from({ length: 20 }, () =>
      locks.using('a', { wait: '1m' }, () => void begun.push(clock.monotonic())),
    );
    await settle();
    await first.release();
    const releasedAt = clock.monotonic();
    await within(5_000, Promise.all(sections));
    expect(begun.filter((at) => at === releasedAt)).toHaveLength(15);
    const restedMs = (begun[15] ?? Infinity) - releasedAt;
    expect(restedMs).toBeGreaterThanOrEqual(25);
    expect(restedMs).toBeLessThan(50);
  });
});

describe('a shutdown', () => {
  it('frees what nobody has released by its end', async () => {
    const locks = locksWith();
    leaseOf(await locks.acquire('a'));
    await within(1, locks.shutdown(0));
    expect((await locksWith().acquire('a')).status).toBe('acquired');
  });

  it('leaves alone what was written down for a next life, and renews it no more', async () => {
    const locks = locksWith();
    const json = JSON.stringify(leaseOf(await locks.acquire('a')));
    await within(1, locks.shutdown(0));
    asked.splice(0);
    await go(60_000);
    expect([asked, json.length > 0]).toEqual([[], true]);
  });

  it('renews it no more where a renewal of it is answered only then', async () => {
    const locks = locksWith();
    const lease = leaseOf(await locks.acquire('a'));
    answers('readMany', (whole) => clock.sleep(300).then(whole));
    await go(10_100); // the renewal is on its way
    JSON.stringify(lease);
    await within(1, locks.shutdown(0));
    await go(1_000);
    expect(lease.validUntil).toBeGreaterThan(clock.monotonic() + 25_000);
    asked.splice(0);
    await go(60_000);
    expect([asked, lease.signal.aborted]).toEqual([[], true]);
  });

  it('waits for a section that has given its lock back already, and no longer', async () => {
    const locks = locksWith();
    let finish = (): void => {};
    const section = locks.using('a', {}, async (lease) => {
      await lease.release();
      await new Promise<void>((resolve) => (finish = resolve));
    });
    await settle();
    let over = false;
    const shutdown = locks.shutdown(600_000).then(() => (over = true));
    await settle();
    expect(over).toBe(false);
    finish();
    await section;
    await shutdown;
  });

  it('that is asked for twice ends as soon as there is nothing left to wait for, both times', async () => {
    const locks = locksWith();
    const lease = leaseOf(await locks.acquire('a'));
    const shutdowns = [locks.shutdown(600_000), locks.shutdown(600_000)];
    await lease.release();
    await within(1, Promise.all(shutdowns));
  });

  it('waits no longer for a lease that is written down meanwhile, and leaves it alone', async () => {
    const locks = locksWith();
    const lease = leaseOf(await locks.acquire('a'));
    const shutdown = locks.shutdown(600_000);
    await settle();
    const json = JSON.stringify(lease);
    await within(1, shutdown);
    expect(await locksWith().resume(json).release()).toBe('released');
  });

  it('looks once more for what may have arrived of an acquisition without an answer', async () => {
    const locks = locksWith();
    answers('write', (whole) => whole().then(never));
    expect(await within(500, locks.acquire('a'))).toMatchObject({ status: 'unavailable' });
    expect((await shard.readMany([placeLock(store, 'test', 'a').lockKey]))[0]).toBeDefined();
    await within(1, locks.shutdown(10_000));
    expect((await shard.readMany([placeLock(store, 'test', 'a').lockKey]))[0]).toBeUndefined();
  });

  it('ends where the store does not answer that last look either', async () => {
    const locks = locksWith();
    answers('write', (whole) => whole().then(never));
    expect(await within(500, locks.acquire('a'))).toMatchObject({ status: 'unavailable' });
    answers('readMany', never);
    await within(500, locks.shutdown(10_000));
  });
});

describe('fencing counters', () => {
  const lose = async (name: string): Promise<void> => {
    await shard.remove(placeLock(store, 'test', name).fencingKey);
    const now = clock.now();
    clock.now = () => now - 86_400_000;
  };

  it.each([
    [2, true],
    [3, false],
  ])('remembers as many as it may: with %d drawn of 2, the first is remembered: %p', async (drawn, remembered) => {
    const counter = new FencingCounter(clock, 2);
    const tokens: number[] = [];
    for (const name of ['a', 'b', 'c'].slice(0, drawn)) tokens.push(await counter.draw(placeLock(store, 'test', name)));
    await lose('a');
    expect((await counter.draw(placeLock(store, 'test', 'a'))) > (tokens[0] as number)).toBe(remembered);
  });

  it('remembers ten thousand where nobody says otherwise', async () => {
    const counter = new FencingCounter(clock);
    const first = await counter.draw(placeLock(store, 'test', 'a'));
    for (let n = 1; n < 10_000; n++) await counter.draw(placeLock(store, 'test', `${n}`));
    const second = await counter.draw(placeLock(store, 'test', '10000'));
    await lose('a');
    expect(second).toBeGreaterThan(0);
    expect(await counter.draw(placeLock(store, 'test', 'a'))).toBeLessThan(first);
  });
});
