import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { sinceLastUsed } from '../../src/catalogue/lives/since.js';
import { systemClock } from '../../src/value/clock.js';
import type { Clock } from '../../src/value/clock.js';
import { buildCache } from '../support/build-cache.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { startWorker } from '../support/worker-process.js';

const hourMs = 3_600_000;
const bytes = Buffer.from('1');

describe('a life on the disk, when the wall clock is stepped', () => {
  let directory: DiskDirectory;
  let store: DiskStore;
  let wallAheadMs: number;
  let passedMs: number;
  let clock: Clock;
  beforeEach(async () => {
    directory = diskDirectory();
    wallAheadMs = 0;
    passedMs = 0;
    clock = {
      ...systemClock,
      now: () => systemClock.now() + passedMs + wallAheadMs,
      monotonic: () => systemClock.monotonic() + passedMs,
    };
    store = new DiskStore({ directory: directory.path }, { clock, deadlineMs: 10_000, openWithinMs: 20_000 });
    await store.open();
  });
  afterEach(async () => {
    await store.close();
    directory.remove();
  });
  const read = async (key: string) => (await store.shards[0].readMany([key]))[0];

  it('T4 ends on time though the clock was set back by an hour: an entry, a stub, a lock', async () => {
    await store.shards[0].write('entry', bytes, { lifeMs: 60_000 });
    await store.shards[0].readOrStub(['stub'], 3_000);
    wallAheadMs = -hourMs;
    passedMs = 30_000;
    expect((await read('entry'))?.ageMs).toBeGreaterThanOrEqual(30_000);
    expect((await read('entry'))?.ageMs).toBeLessThan(60_000);
    expect((await store.shards[0].readOrStub(['stub'], 3_000))[0]?.won).toBe(true);
    passedMs = 60_000;
    expect(await read('entry')).toBeUndefined();
    expect(store.shards[0].readNow('entry')).toBeUndefined();
    expect((await store.shards[0].write('entry', bytes, { lifeMs: 1_000, only: 'absent' })).status).toBe('stored');
  });

  it('T4 ends at once where the clock was set forward beyond its end, and has no age for it', async () => {
    await store.shards[0].write('entry', bytes, { lifeMs: 2 * hourMs });
    wallAheadMs = hourMs;
    expect((await read('entry'))?.ageMs).toBeLessThan(60_000);
    wallAheadMs = 3 * hourMs;
    expect(await read('entry')).toBeUndefined();
  });

  it('begins anew by a touch, and its age does not', async () => {
    await store.shards[0].write('entry', bytes, { lifeMs: 60_000 });
    const stored = (await read('entry'))?.revision;
    for (passedMs = 50_000; passedMs <= 150_000; passedMs += 50_000) {
      await store.shards[0].touch('entry', 60_000);
      wallAheadMs = -hourMs;
      const seen = store.shards[0].readNow('entry');
      expect(seen && String(seen.bytes.subarray(seen.start, seen.end))).toBe('1');
      for (const item of [await read('entry'), seen]) expect(item?.ageMs).toBeGreaterThanOrEqual(passedMs);
    }
    expect(await read('entry')).toMatchObject({ bytes, revision: stored });
    passedMs = 210_001;
    expect(await read('entry')).toBeUndefined();
  });

  it('that slides ends with its maxAge, though the clock was set back by an hour', async () => {
    const cache = await buildCache({ store, clock, process: false });
    const sliding = { ttl: sinceLastUsed('15m', { maxAge: '1h' }) };
    await cache.set('k', 1, sliding);
    wallAheadMs = -hourMs;
    for (passedMs = hourMs / 6; passedMs < hourMs; passedMs += hourMs / 6) {
      const use = cache.getOrSet('k', () => Promise.reject(new Error(`gone after ${passedMs} ms`)), sliding);
      expect(await use).toBe(1);
    }
    expect(await cache.getOrSet('k', () => 2, sliding)).toBe(2);
    await cache.close();
  });

  it('is as old for another process of the machine', async () => {
    const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
      directory: directory.path,
    });
    try {
      await worker.call('open');
      await store.shards[0].write('entry', bytes, { lifeMs: 60_000 });
      const writtenAt = performance.now();
      const ageMs = await worker.call<number>('age', 'entry');
      expect(ageMs).toBeGreaterThanOrEqual(0);
      expect(ageMs).toBeLessThanOrEqual(performance.now() - writtenAt + 1_000);
    } finally {
      await worker.stop();
    }
  });
});
