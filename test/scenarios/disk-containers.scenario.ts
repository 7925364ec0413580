import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DiskStoreTuning } from '../../src/store/disk/disk-store.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { DiskJournal } from '../support/disk-journal.js';
import { eventually } from '../support/eventually.js';
import { inContainer, outerPid } from '../support/in-container.js';
import type { Look } from '../support/disk-record-look.js';
import { seededRandom } from '../support/seeded-random.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

const lockedOutMs = 2_000;

let directory: DiskDirectory;
const containers: WorkerProcess[] = [];

async function startContainer(tuning: DiskStoreTuning = {}): Promise<WorkerProcess> {
  const url = new URL('../support/disk-worker.ts', import.meta.url);
  const container = await startWorker(url, { directory: directory.path, tuning }, inContainer);
  containers.push(container);
  return container;
}

const users = (): string[] => readdirSync(join(directory.path, 'v2', 'users')).sort();

const valueOf = (text: string): Look => ({ found: 'value', text });

/** Writes until it is acknowledged; @returns how long that took, in milliseconds. */
async function untilWritten(container: WorkerProcess, key: string): Promise<number> {
  const startedAt = performance.now();
  await eventually(async () => expect(await container.call('tryToWrite', key, key)).toBe('stored'), {
    withinMs: 10_000,
  });
  return performance.now() - startedAt;
}

beforeEach(() => {
  directory = diskDirectory();
});

afterEach(async () => {
  await Promise.all(containers.splice(0).map((container) => container.kill()));
  directory.remove();
});

describe('T11 two containers on one volume, whose processes have the same id', () => {
  it('read what the other wrote, and neither erases the mark of the other', async () => {
    const [a, b] = [await startContainer(), await startContainer()];
    expect([await a.call('pid'), await b.call('pid')]).toEqual([1, 1]);
    await a.call('open');
    const marks = users();
    expect(await b.call<number>('open')).toBeLessThan(lockedOutMs);
    expect(users()).toEqual(marks);
    await a.call('write', 'by-a', 'from a');
    await b.call('write', 'by-b', 'from b');
    for (const container of [a, b]) {
      expect(await container.call('look', 'by-a')).toEqual(valueOf('from a'));
      expect(await container.call('look', 'by-b')).toEqual(valueOf('from b'));
    }
    await b.call('remove', 'by-a');
    expect(await a.call('look', 'by-a')).toEqual({ found: 'absent' });
    expect(await a.call('faults')).toEqual([]);
    expect(await b.call('faults')).toEqual([expect.stringMatching(/^degraded: Processes of another container/)]);
  });

  it('count together, win each stub once, and lose no update that is written by revision', async () => {
    const [a, b] = [await startContainer(), await startContainer()];
    for (const container of [a, b]) await container.call('open');
    const sums = await Promise.all([a, b].map((each) => each.call<number[]>('increments', 'counter', 200)));
    expect(sums.flat().sort((x, y) => x - y)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
    const keys = Array.from({ length: 200 }, (_, i) => `stub${i}`);
    const won = await Promise.all([a, b].map((each) => each.call<string[]>('stubs', keys)));
    expect(won.flat().sort()).toEqual([...keys].sort());
    await a.call('writeText', 'sum', '0');
    await Promise.all([a, b].map((each) => each.call('swaps', 'sum', 100)));
    expect(await a.call('text', 'sum')).toBe('200');
  });

  it('are locked out for less than two seconds when one is killed, and lose nothing that was acknowledged', async () => {
    const random = seededRandom(11);
    const journal = new DiskJournal(join(directory.path, 'journal'));
    let [survivor, next] = [await startContainer(), await startContainer()];
    await survivor.call('open');
    for (let round = 0; round < 6; round++) {
      await next.call('open');
      const writers = [survivor, next].entries();
      for (const [i, writer] of writers) {
        await writer.call(
          'hammer',
          `w${i}r${round}`,
          journal.path,
          round * 2 + i + 1,
          journal.nextSequence(i, round * 2),
          true,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, random.integer(50, 300)));
      // In turn the one who has the database open, and the one who works through it.
      const victim = round % 3 === 2 ? next : survivor;
      const left = victim === survivor ? next : survivor;
      await victim.kill();
      expect(await untilWritten(left, `after${round}`)).toBeLessThan(lockedOutMs);
      await left.call('endHammer');
      journal.catchUp();
      const keys = journal.keys();
      const looks = await left.call<Look[]>('looks', keys);
      expect(keys.filter((key, i) => !journal.allows(key, looks[i] as Look))).toEqual([]);
      [survivor, next] = [left, await startContainer()];
    }
    expect(journal.acknowledged).toBeGreaterThan(200);
  });

  it('go on through another process of the container when the one that is asked stands still', async () => {
    const [a, b] = [await startContainer(), await startContainer({ deadlineMs: 300 })];
    await a.call('open');
    await b.call('open');
    await b.call('write', 'before', 'x');
    const stopped = outerPid(a.pid);
    process.kill(stopped, 'SIGSTOP');
    try {
      const startedAt = performance.now();
      expect(await b.call('tryToWrite', 'meanwhile', 'x')).toBe('STORE_UNAVAILABLE');
      expect(performance.now() - startedAt).toBeLessThan(lockedOutMs);
      // It lives: its mark is respected, and the database is opened by nobody else.
      expect(users()).toHaveLength(1);
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    expect(await untilWritten(b, 'after')).toBeLessThan(lockedOutMs);
    expect(await a.call('look', 'after')).toEqual(valueOf('after'));
  });

  it('lose writes, or a process, where process ids are taken for the whole truth (negative control)', async () => {
    const off = { without: 'containers' } as const;
    const [a, b] = [await startContainer(off), await startContainer(off)];
    await a.call('open');
    const [mark] = users();
    const problems: unknown[] = [];
    await b.call<number>('open').then(
      (ms) => ms > lockedOutMs && problems.push(`locked out for ${ms} ms`),
      (error: unknown) => problems.push(error),
    );
    if (!existsSync(join(directory.path, 'v2', 'users', mark ?? ''))) problems.push('the mark of the first is erased');
    expect(problems).not.toEqual([]);
  });
});
