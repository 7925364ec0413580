import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clockQuestion } from '../../src/store/memcached/server-clock.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { openLocks, pause } from './support/open-locks.js';
import type { OpenLocks } from './support/open-locks.js';

let server: MemcachedProcess;
let ours: OpenLocks;
let theirs: OpenLocks;

beforeEach(async () => {
  server = await startMemcached();
  ours = await openLocks(server.address);
  theirs = await openLocks(server.address);
});

afterEach(async () => {
  await ours.close();
  await theirs.close();
  await server.stop();
});

const isFree = async (name: string): Promise<boolean> => {
  const outcome = await theirs.locks.acquire(name, { renew: false, fencing: false });
  return outcome.status === 'acquired';
};

describe('The clock of memcached, which ticks once a second', () => {
  it('when the server runs on after a stop, gives nobody a lock that ends at once', async () => {
    const names = Array.from({ length: 32 }, (_, index) => `${index}`);
    server.pause();
    // Longer than the server keeps the locks.
    await pause(6_500);
    const acquiring = names.map((name) => ours.locks.acquire(name, { ttl: '2s', renew: false }));
    // Their turn has left: they are in its socket when it runs on.
    await nextTurn();
    server.resume();
    const outcomes = await Promise.all(acquiring);
    // Those that were refused are given anew.
    expect(outcomes.some(({ status }) => status === 'acquired')).toBe(true);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status !== 'acquired') continue;
      const free = await isFree(names[index] as string);
      expect(free && performance.now() < outcome.lease.validUntil).toBe(false);
    }
  });

  it('is known from the first connection on', async () => {
    // Nobody else asks this one, and makes the item first.
    const fresh = await startMemcached();
    expect(await fresh.command(clockQuestion.line)).toMatch(/^HD t25\d{5} c\d+ W$/);
    await fresh.stop();
  });

  it('that comes to tick in the next second, skips one, and ends no lock before its holder knows', async () => {
    // Each stop makes the ticks a quarter of a second later: one of them comes to be in the next second.
    const watched = await Promise.all(
      Array.from({ length: 4 }, async (_, index) => {
        await pause(index * 1_500);
        const tick = await nextTick();
        await pause(tick + 930 - performance.now());
        const outcome = await ours.locks.acquire(`${index}`, { ttl: '2s', renew: false });
        server.pause();
        await pause(tick + 1_250 - performance.now());
        server.resume();
        if (outcome.status !== 'acquired') throw new Error(outcome.status);
        const { validUntil } = outcome.lease;
        await pause(validUntil - 100 - performance.now());
        const free = await isFree(`${index}`);
        return { free, early: performance.now() < validUntil };
      }),
    );
    expect(watched.filter(({ free, early }) => free && early)).toEqual([]);
    // On a machine that is busy elsewhere a look may come late.
    expect(watched.some(({ early }) => early)).toBe(true);
  });

  /** When the clock of the server went on. */
  async function nextTick(): Promise<number> {
    const { uptime } = await server.stats();
    for (;;) {
      const stats = await server.stats();
      if (stats['uptime'] !== uptime) return performance.now();
    }
  }
});
