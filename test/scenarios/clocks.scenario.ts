import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { lockServerNames, startLockServer } from '../lock/support/lock-server.js';
import type { LockServer } from '../lock/support/lock-server.js';
import { OwnClock } from '../support/own-clock.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

const hourSeconds = 3_600;
/** memcached counts in whole seconds, and an entry may live for two of them longer; the rest is for a busy machine. */
const slackMs = 2_000 + 1_500;
/** Up to so much after its life a lock is free, as docs/decisions/a-lock-outlives-late-seconds.md says; the rest is for a busy machine. */
const lockSlackMs = { memcached: 4_000 + 1_500, redis: slackMs };

let server: LockServer;
let folder: string;
const workers: WorkerProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clocks-'));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

let started = 0;
async function startProcess(
  aheadSeconds: number,
  release = '1.4',
): Promise<{ clock: OwnClock; worker: WorkerProcess }> {
  const name = `process-${++started}`;
  const clock = new OwnClock(join(folder, name)).set(aheadSeconds);
  const url = new URL('./support/clock-worker.ts', import.meta.url);
  const worker = await startWorker(url, { address: server.address, name, release }, clock.wrapped);
  workers.push(worker);
  const ahead = (await worker.call<number>('now')) - Date.now();
  expect(Math.abs(ahead - aheadSeconds * 1_000)).toBeLessThan(5_000);
  return { clock, worker };
}

const on = (name: (typeof lockServerNames)[number]) => async (): Promise<void> => {
  server = await startLockServer[name]();
};

describe.each(lockServerNames)('processes on %s whose wall clocks are a minute apart', (name) => {
  beforeEach(on(name));

  it('T5 serve no entry past its life, whoever loaded it', async () => {
    const { worker: ahead } = await startProcess(30);
    const { worker: behind } = await startProcess(-30);
    for (const [loader, reader] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const key = loader === ahead ? 'of the one ahead' : 'of the one behind';
      await loader.call('getOrSet', key, 'old', { ttl: 3_000, staleFor: 0 });
      const loadedAt = performance.now();
      await reader.call('get', key);
      await eventually(async () => expect(await reader.call('get', key)).toBeUndefined(), {
        withinMs: 3_000 + slackMs,
      });
      await eventually(async () => expect(await loader.call('get', key)).toBeUndefined(), {
        withinMs: 3_000 + slackMs,
      });
      expect(performance.now() - loadedAt).toBeLessThan(3_000 + slackMs);
    }
  });

  it('T2 T3 and which are of two releases hear of each other, and a release that comes back serves nothing old', async () => {
    const { worker: older } = await startProcess(-30, '1.4');
    const { worker: newer } = await startProcess(30, '1.5');
    const lives = { ttl: '1h', tags: ['t'] };
    for (const [invalidate, argument] of [
      ['delete', 'price'],
      ['set', 'price'],
      ['invalidateTags', 't'],
    ] as const) {
      for (const worker of [older, newer]) await worker.call('getOrSet', 'price', 'old', lives);
      expect(await newer.call(invalidate, argument, 'new')).toBe(true);
      await older.call('heard');
      expect(await older.call('peek', 'price')).toBeUndefined();
      expect(await older.call('get', 'price')).toBeUndefined();
      await newer.call('delete', 'price');
    }
    // All of the older release goes; what it left behind is invalidated by the newer one.
    await older.call('getOrSet', 'price', 'old', lives);
    await workers.splice(workers.indexOf(older), 1)[0]?.stop();
    expect(await newer.call('delete', 'price')).toBe(true);
    const { worker: back } = await startProcess(-30, '1.4');
    expect(await back.call('get', 'price')).toBeUndefined();
  });
});

describe.each(lockServerNames)('a wall clock on %s that is set back by an hour, and forth', (name) => {
  beforeEach(on(name));

  it.each([-hourSeconds, hourSeconds])(
    'T4 by %d s during a load, a reading of the feed and a lock',
    async (seconds) => {
      const { worker: other } = await startProcess(0);
      const { clock, worker } = await startProcess(0);
      const loading = worker.call('slowly', 'load', 'loaded', { ttl: '10m' });
      await worker.call('getOrSet', 'near', 'old', { ttl: '10h' });
      expect(await worker.call('acquire', 'lock', 3_000)).toBe('acquired');
      const acquiredAt = performance.now();
      clock.set(seconds);
      await worker.call('finish');
      expect(await loading).toBe('loaded');
      // The feed is read on.
      expect(await other.call('delete', 'near')).toBe(true);
      await worker.call('heard');
      expect(await worker.call('peek', 'near')).toBeUndefined();
      expect(await worker.call('getOrSet', 'near', 'new', { ttl: '10m' })).toBe('new');
      // The lock ends on time.
      await eventually(async () => expect(await other.call('acquire', 'lock', 3_000)).toBe('acquired'));
      expect(performance.now() - acquiredAt).toBeLessThan(3_000 + lockSlackMs[name]);
    },
  );

  it('T4 in an outage no copy lives past what it may be believed for', async () => {
    const { clock, worker } = await startProcess(0);
    await worker.call('getOrSet', 'near', 'old', { ttl: '10h' });
    expect(await worker.call('peek', 'near')).toBe('old');
    await server.kill();
    clock.set(-hourSeconds);
    await eventually(async () => expect(await worker.call('peek', 'near')).toBeUndefined(), {
      withinMs: 2_000 + slackMs,
    });
    await server.start();
  });
});
