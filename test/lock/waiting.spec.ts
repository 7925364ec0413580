import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { placeLock } from '../../src/lock/lock-place.js';
import { PollPace } from '../../src/lock/poll-pace.js';
import { WaitingLine } from '../../src/lock/waiting-line.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { seededRandom } from '../support/seeded-random.js';
import { leaseOf } from './support/open-locks.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A memory store that counts what it is asked. */
function counting(clock: VirtualClock): { store: Store; asked: Record<string, number> } {
  const store = memoryStore({ clock });
  const [shard] = store.shards;
  const asked: Record<string, number> = { readMany: 0, write: 0 };
  for (const name of ['readMany', 'write'] as const) {
    const whole = shard[name].bind(shard) as (...args: unknown[]) => Promise<never>;
    shard[name] = (...args: unknown[]): Promise<never> => {
      asked[name] = (asked[name] ?? 0) + 1;
      return whole(...args);
    };
  }
  return { store, asked };
}

describe('the pace of looks', () => {
  it('grows from 20 to 250 ms, keeps its budget, and spreads those who began together', () => {
    const random = seededRandom(13);
    const instants = Array.from({ length: 200 }, () => {
      const pace = new PollPace(random);
      const at: number[] = [];
      for (let now = pace.pauseMs(); now <= 5_000; now += pace.pauseMs()) at.push(now);
      return at;
    });
    for (const at of instants) {
      expect(at.length).toBeLessThanOrEqual(7 + 5_000 / 125);
      expect(at[0]).toBeGreaterThanOrEqual(10);
      expect(at[0]).toBeLessThanOrEqual(20);
    }
    // The looks of 200 processes in the last second, by hundredths of it: none has 3 times its share.
    const late = instants.flat().filter((at) => at > 4_000);
    const slots = Array.from({ length: 100 }, (_, slot) => late.filter((at) => Math.floor((at - 4_000) / 10) === slot));
    expect(Math.max(...slots.map(({ length }) => length))).toBeLessThan((3 * late.length) / 100);
  });
});

describe('a line of waiters', () => {
  it('asks the store as often as one waiter would, and is told when time is up', async () => {
    const clock = new VirtualClock();
    const { store, asked } = counting(clock);
    const locks = new CacheLock({ store, namespace: 'test', clock });
    leaseOf(await locks.acquire('a', { renew: false }));
    const before = (asked['readMany'] ?? 0) + (asked['write'] ?? 0);
    const waits = Array.from({ length: 100 }, () => locks.acquire('a', { wait: '5s' }));
    await settle();
    await clock.advanceTo(clock.monotonic() + 5_000, settle);
    const outcomes = await Promise.all(waits);
    expect(outcomes.map(({ status }) => status)).toEqual(waits.map(() => 'held'));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ retryAfterMs: expect.any(Number) });
    expect((asked['readMany'] ?? 0) + (asked['write'] ?? 0) - before).toBeLessThanOrEqual(2 + 7 + 5_000 / 125);
  });

  it('is served in the order of arrival, and skips who gave up', async () => {
    const clock = new VirtualClock();
    const locks = new CacheLock({ store: memoryStore({ clock }), namespace: 'test', clock });
    const first = leaseOf(await locks.acquire('a'));
    const order: number[] = [];
    const stop = new AbortController();
    const waits = [0, 1, 2, 3].map((index) =>
      locks
        .using('a', { wait: '1m', ...(index === 1 && { signal: stop.signal }) }, () => void order.push(index))
        .catch((error: unknown) => error),
    );
    await settle();
    const reason = new Error('enough');
    stop.abort(reason);
    expect(await waits[1]).toBe(reason);
    await first.release();
    await Promise.all(waits);
    expect(order).toEqual([0, 2, 3]);
  });

  it('is passed by whoever does not wait: the store is asked, and has the last word', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    const locks = new CacheLock({ store, namespace: 'test', clock });
    leaseOf(await locks.acquire('a', { renew: false }));
    const stop = new AbortController();
    const waiting = locks.acquire('a', { wait: '1m', signal: stop.signal });
    await settle();
    await store.shards[0].remove(placeLock(store, 'test', 'a').lockKey);
    expect((await locks.acquire('a')).status).toBe('acquired');
    stop.abort();
    await expect(waiting).rejects.toBe(stop.signal.reason);
  });

  it('goes on asking when its first gives up, and is forgotten when nobody stands in it any more', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    const locks = new CacheLock({ store, namespace: 'test', clock });
    leaseOf(await locks.acquire('a', { renew: false }));
    const stop = new AbortController();
    const first = locks.acquire('a', { wait: '1m', signal: stop.signal });
    const second = locks.acquire('a', { wait: '20s', renew: false });
    await settle();
    stop.abort();
    await expect(first).rejects.toBe(stop.signal.reason);
    // As another process gives it back.
    await store.shards[0].remove(placeLock(store, 'test', 'a').lockKey);
    await clock.advanceTo(clock.monotonic() + 1_000, settle);
    const lease = leaseOf(await Promise.race([second, settle().then(() => ({ status: 'held' as const }))]));
    await lease.release();
    expect((locks as unknown as { line: { lines: Map<string, unknown> } }).line.lines.size).toBe(0);
  });

  it('listens once to a signal that all of it have, and to none after them: Node warns of a leak at eleven', async () => {
    const clock = new VirtualClock();
    const locks = new CacheLock({ store: memoryStore({ clock }), namespace: 'test', clock });
    const first = leaseOf(await locks.acquire('a'));
    const { signal } = new AbortController();
    const waits = Array.from({ length: 11 }, () => locks.using('a', { wait: '1m', signal }, () => undefined));
    await settle();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await first.release();
    await Promise.all(waits);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('rests after sixteen releases here, also where its first has looked before: other processes have their chance', async () => {
    const clock = new VirtualClock();
    const line = new WaitingLine(clock, () => 0);
    let asked = 0;
    const attempt = async () => {
      asked++;
      return { status: 'held' } as const;
    };
    const waiting = line.wait('a', attempt, clock.monotonic() + 60_000, undefined);
    await settle();
    await clock.advanceTo(clock.monotonic() + 1_000, settle);
    const looked = asked;
    expect(looked).toBeGreaterThan(1);
    for (let release = 1; release < 16; release++) {
      line.released('a');
      await settle();
      expect(asked).toBe(looked + release);
    }
    line.released('a');
    await settle();
    await clock.advanceTo(clock.monotonic() + 24, settle);
    expect(asked).toBe(looked + 15);
    await clock.advanceTo(clock.monotonic() + 1, settle);
    expect(asked).toBe(looked + 16);
    line.dismiss({ status: 'held' });
    expect(await waiting).toEqual({ status: 'held' });
  });
});

it('A lock takes an option that is undefined for one that is not given', async () => {
  const locks = new CacheLock({ store: memoryStore(), namespace: 'test' });
  const none = { ttl: undefined, wait: undefined, renew: undefined, signal: undefined, fencing: undefined };
  const lease = leaseOf(await locks.acquire('a', none));
  expect(lease.fencingToken).toBeGreaterThan(0);
  expect((await locks.acquire('a', none)).status).toBe('held');
  await lease.release();
});
