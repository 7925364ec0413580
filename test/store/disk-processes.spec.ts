import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { systemClock } from '../../src/value/clock.js';
import type { Clock } from '../../src/value/clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { DiskJournal } from '../support/disk-journal.js';
import { look, sealed } from '../support/disk-record-look.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

const endurance = process.env['ENDURANCE'] === '1';
/** What is tested here is not how fast a loaded machine is. */
const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

let directory: DiskDirectory;
let workers: WorkerProcess[] = [];

async function startWorkers(count: number): Promise<WorkerProcess[]> {
  const url = new URL('../support/disk-worker.ts', import.meta.url);
  workers = await Promise.all(Array.from({ length: count }, () => startWorker(url, { directory: directory.path })));
  return workers;
}

beforeEach(() => {
  directory = diskDirectory();
});

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  directory.remove();
});

describe('four processes on one directory', () => {
  it('count together: every sum is handed out once', async () => {
    const each = 500;
    await startWorkers(4);
    await Promise.all(workers.map((worker) => worker.call('open')));
    const sums = await Promise.all(workers.map((worker) => worker.call<number[]>('increments', 'counter', each)));
    expect(sums.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 4 * each }, (_, i) => i + 1));
    for (const worker of workers) expect(await worker.stop()).toBe('0');
  });

  it('have one winner for each stub', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => `stub${i}`);
    await startWorkers(4);
    await Promise.all(workers.map((worker) => worker.call('open')));
    const won = await Promise.all(workers.map((worker) => worker.call<string[]>('stubs', keys)));
    expect(won.flat().sort()).toEqual([...keys].sort());
  });

  it('lose no update that is written by revision', async () => {
    await startWorkers(4);
    const store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    await store.shards[0].write('sum', Buffer.from('0'), { lifeMs: Infinity });
    await Promise.all(workers.map((worker) => worker.call('open')));
    await Promise.all(workers.map((worker) => worker.call('swaps', 'sum', 200)));
    expect((await store.shards[0].readMany(['sum']))[0]?.bytes.toString()).toBe('800');
    await store.close();
  });

  it('open a damaged folder all at once: it is set aside once, and all use the same new one', async () => {
    mkdirSync(join(directory.path, 'v2'));
    writeFileSync(join(directory.path, 'v2', 'data.mdb'), Buffer.alloc(40_960, 0x5a));
    await startWorkers(4);
    const took = await Promise.all(workers.map((worker) => worker.call<number>('open')));
    expectInQuiet(Math.max(...took), 4_000);
    await workers[0]?.call('write', 'a', 'by the first');
    for (const worker of workers) {
      expect(await worker.call('look', 'a')).toEqual({ found: 'value', text: 'by the first' });
    }
    expect(readdirSync(directory.path).filter((name) => name.includes('damaged'))).toHaveLength(1);
    const faults = await Promise.all(workers.map((worker) => worker.call<string[]>('faults')));
    expect(faults.flat()).toHaveLength(1);
    expect(faults.flat()[0]).toMatch(/^damaged: .*set aside/);
  });
});

describe('what one process wrote', () => {
  it('is read by another at once, though that one has read in the same turn', async () => {
    await startWorkers(1);
    const store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    await workers[0]?.call('open');
    for (let i = 0; i < 300; i++) {
      // Reads right up to the answer, so that a snapshot that outlived its read would be an old one.
      let reading = true;
      const reads = (async () => {
        while (reading) {
          await store.shards[0].readMany(['a']);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await workers[0]?.call('write', 'a', `${i}`);
      const [item] = await store.shards[0].readMany(['a']);
      reading = false;
      expect(item?.bytes).toEqual(sealed('a', `${i}`));
      await reads;
    }
    await store.close();
  });
});

describe('what a process changes after another has set the folder aside', () => {
  it.each<[string, (shard: DiskStore['shards'][0]) => Promise<unknown>]>([
    ['a removal of what the old folder does not have', (shard) => shard.remove('a')],
    ['a write', (shard) => shard.write('a', Buffer.from('2'), { lifeMs: Infinity })],
  ])('is not acknowledged, and is made in the new folder when it is tried again: %s', async (_, change) => {
    const [worker] = (await startWorkers(1)) as [WorkerProcess];
    const store = new DiskStore({ directory: directory.path }, { ...patience, careEachMs: 60_000 });
    await store.open();
    const events = recordEvents('fault');
    try {
      writeFileSync(join(directory.path, 'v2', 'suspect'), '');
      writeFileSync(join(directory.path, 'v2', 'boot'), 'another');
      await worker.call('open');
      await worker.call('write', 'a', 'loaded before the change');
      await expect(change(store.shards[0])).rejects.toThrow(StoreUnavailableError);
      expect(events.of('fault')).toMatchObject([
        {
          kind: 'degraded',
          message: expect.stringContaining('moved or removed. Check that the folder is there') as unknown,
        },
      ]);
      await eventually(async () => expect(await store.shards[0].remove('a')).toBe('removed'));
      expect(await worker.call('look', 'a')).toEqual({ found: 'absent' });
    } finally {
      events.stop();
      await store.close();
    }
  });
});

describe('a process with a smaller limit', () => {
  it('lets entries of the others go, and starts nothing anew while they live, nor when they are gone', async () => {
    const [large] = (await startWorkers(1)) as [WorkerProcess];
    await large.call('open');
    await large.call('increments', 'held', 1);
    await Promise.all(Array.from({ length: 60 }, (_, i) => large.call('write', `item${i}`, 'v'.repeat(50_000))));
    let looks = 0;
    const clock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms, () => (looks++, run())) };
    const small = new DiskStore(
      { directory: directory.path, maxBytes: 2 ** 20 },
      { ...patience, careEachMs: 20, clock },
    );
    const events = recordEvents('fault');
    try {
      await small.open();
      await eventually(async () => expect((await small.shards[0].stats())['bytes']).toBeLessThan(2 ** 20));
      expect(await large.call('increments', 'held', 1)).toEqual([2]);
      expect(await large.call('faults')).toEqual([]);
      await large.stop();
      const before = looks;
      await eventually(() => expect(looks).toBeGreaterThan(before + 4));
      expect(await small.shards[0].increment('held', 1, 1)).toBe(3);
      expect(events.all).toEqual([]);
    } finally {
      events.stop();
      await small.close();
    }
  });
});

describe('a process that stands still', () => {
  it('keeps nobody from writing while its event loop is blocked in the middle of its own writes', async () => {
    await startWorkers(1);
    const store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    await workers[0]?.call('open');
    const blocked = workers[0]?.call<number>('writeAndBlock', 50, 1_500);
    let slowest = 0;
    let written = 0;
    const until = performance.now() + 1_200;
    while (performance.now() < until) {
      const start = performance.now();
      await store.shards[0].increment('n', 1, 1);
      slowest = Math.max(slowest, performance.now() - start);
      written++;
    }
    expect(slowest).toBeLessThan(1_000); // the other one stands still for 1,500 ms
    expectInQuiet(slowest, 400);
    expect(written).toBeGreaterThan(3);
    expect(await blocked).toBe(50);
    await store.close();
  });

  it('fails the writes of others in time, and no read, while it stands still with the lock held', async () => {
    await startWorkers(1);
    const store = new DiskStore({ directory: directory.path }, { deadlineMs: 300 });
    await store.open();
    await store.shards[0].write('a', Buffer.from('1'), { lifeMs: Infinity });
    const holding = workers[0]?.call('holdLock', 4_000);
    await eventually(() => expect(readdirSync(directory.path)).toContain('holding'));
    const start = performance.now();
    await expect(store.shards[0].write('a', Buffer.from('2'), { lifeMs: Infinity })).rejects.toThrow(
      StoreUnavailableError,
    );
    expectInQuiet(performance.now() - start, 900);
    // No waiting in line behind the one that is stuck.
    const again = performance.now();
    await expect(store.shards[0].increment('n', 1, 1)).rejects.toThrow(StoreUnavailableError);
    expectInQuiet(performance.now() - again, 100);
    const reading = performance.now();
    expect((await store.shards[0].readMany(['a']))[0]?.bytes.toString()).toBe('1');
    expectInQuiet(performance.now() - reading, 100);
    await holding;
    await eventually(() => store.shards[0].increment('n', 1, 1));
    // The write that was given up did arrive.
    expect((await store.shards[0].readMany(['a']))[0]?.bytes.toString()).toBe('2');
    await store.close();
  });
});

describe('opening beside processes that write', () => {
  /** Two processes write without end while two others open and close; @returns what went wrong. */
  async function openBesideWriters(waitsForOpeners: boolean, times: number): Promise<string[]> {
    const url = new URL('../support/disk-worker.ts', import.meta.url);
    const data = { directory: directory.path, tuning: { waitsForOpeners, ...patience } };
    workers = await Promise.all([0, 1, 2, 3].map(() => startWorker(url, data)));
    const [a, b, ...openers] = workers as [WorkerProcess, WorkerProcess, ...WorkerProcess[]];
    const journal = new DiskJournal(join(directory.path, 'journal'));
    for (const [i, writer] of [a, b].entries()) {
      await writer.call('open');
      await writer.call('hammer', `w${i}`, journal.path, i + 1, journal.nextSequence(i, 0));
    }
    const problems: string[] = [];
    await Promise.all(openers.map((opener) => opener.call('reopen', times))).catch((error: unknown) =>
      problems.push(String(error)),
    );
    for (const writer of [a, b]) await writer.call('faults').catch((error: unknown) => problems.push(String(error)));
    await Promise.all(workers.splice(0).map((worker) => worker.kill()));
    journal.catchUp();
    const keys = journal.keys();
    const store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    const items = await store.shards[0].readMany([...keys, 'counter']).catch((error: unknown) => {
      problems.push(String(error)); // what was written over each other can be beyond reading
      return [];
    });
    await store.close();
    for (const [i, key] of keys.entries()) {
      if (!journal.allows(key, look(key, items[i]?.bytes))) problems.push(`${key} is not what was acknowledged`);
    }
    const count = Number(items.at(-1)?.bytes.toString());
    if (!(count >= journal.increments.done && count <= journal.increments.tried))
      problems.push(`the counter is ${count}`);
    expect(journal.acknowledged).toBeGreaterThan(500);
    return problems;
  }

  it('loses no acknowledged write', async () => {
    expect(await openBesideWriters(true, endurance ? 100 : 50)).toEqual([]);
  });

  it('loses some where nobody waits for an opener (negative control)', async () => {
    // An opener must come in the middle of a write: on a busy machine that takes some more tries.
    let problems: string[] = [];
    for (let tries = 0; tries < 8 && problems.length === 0; tries++) {
      directory.remove();
      directory = diskDirectory();
      problems = await openBesideWriters(false, 100);
    }
    expect(problems).not.toEqual([]);
  });
});
