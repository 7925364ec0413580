import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { systemClock } from '../../src/value/clock.js';
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
  beforeEach(async () => {
    directory = diskDirectory();
    wallAheadMs = 0;
    passedMs = 0;
    const clock = {
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

  it('begins anew by a touch', async () => {
    await store.shards[0].write('entry', bytes, { lifeMs: 60_000 });
    passedMs = 50_000;
    await store.shards[0].touch('entry', 60_000);
    wallAheadMs = -hourMs;
    passedMs = 100_000;
    expect((await read('entry'))?.ageMs).toBeLessThan(60_000);
    passedMs = 110_001;
    expect(await read('entry')).toBeUndefined();
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
