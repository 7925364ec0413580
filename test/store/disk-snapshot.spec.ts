import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

describe('hits of one turn', () => {
  let directory: DiskDirectory;
  let store: DiskStore;
  let worker: WorkerProcess;
  beforeEach(async () => {
    directory = diskDirectory();
    store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), { directory: directory.path });
    await worker.call('open');
  });
  afterEach(async () => {
    await worker.kill();
    await store.close();
    directory.remove();
  });

  const counted = (): number => {
    const seen = store.shards[0].readNow('counter');
    return seen ? Number(seen.bytes.toString('latin1', seen.start, seen.end)) : 0;
  };

  it('see what another process writes meanwhile, though the turn does not end', async () => {
    const counting = worker.call('increments', 'counter', 1_000_000).catch(() => undefined);
    await eventually(() => expect(counted()).toBeGreaterThan(0));
    // From here on nothing but this loop runs in this process.
    const first = counted();
    const until = performance.now() + 10_000;
    while (counted() === first && performance.now() < until);
    expect(counted()).toBeGreaterThan(first);
    await worker.kill();
    await counting;
  });

  it('see what this process was told that another has written', async () => {
    for (let value = 1; value <= 20; value++) {
      counted();
      await worker.call('increments', 'counter', 1);
      expect(counted()).toBe(value);
    }
  });

  it('end with the life of an item, though the turn does not end', async () => {
    // A disk that is busy may acknowledge a write when its life is over.
    await eventually(async () => {
      await store.shards[0].write('short', Buffer.from('1'), { lifeMs: 500 });
      expect(store.shards[0].readNow('short')).toBeDefined();
    });
    for (const until = performance.now() + 510; performance.now() < until; counted());
    expect(store.shards[0].readNow('short')).toBeUndefined();
  });

  it('leave no timers behind: as many as milliseconds have passed, at most', async () => {
    await store.shards[0].write('counter', Buffer.from('1'), { lifeMs: Infinity });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const began = performance.now();
    for (let reads = 0; reads < 5_000; reads++) counted();
    expect(timers() - before).toBeLessThanOrEqual(2 + performance.now() - began);
  });
});
