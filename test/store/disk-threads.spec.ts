import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import type { DiskStoreTuning } from '../../src/store/disk/disk-store.js';
import { bundled } from '../support/bundled.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';

const lockedOutMs = 2_000;
const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

let outer: DiskDirectory;
let directory: string;
let script: string;

beforeEach(() => {
  outer = diskDirectory();
  directory = join(outer.path, 'store');
  mkdirSync(join(outer.path, 'bundle'));
  script = bundled(new URL('../support/disk-thread.ts', import.meta.url), join(outer.path, 'bundle'), 'esm');
});

afterEach(() => outer.remove());

/** Starts a thread that writes, and ends it in the middle. @returns what was acknowledged last under each key. */
async function terminateInWrite(writes: number): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  const thread = new Worker(script, { workerData: directory });
  await new Promise<void>((resolve, reject) => {
    thread.on('error', reject);
    let count = 0;
    thread.on('message', ([key, number]: [string, number]) => {
      acknowledged.set(key, number);
      if (++count === writes) resolve();
    });
  });
  await thread.terminate();
  return acknowledged;
}

async function openAndWrite(tuning: DiskStoreTuning = {}): Promise<{ store: DiskStore; ms: number; outcome: string }> {
  const store = new DiskStore({ directory }, { ...patience, ...tuning });
  const startedAt = performance.now();
  await store.open();
  const outcome = await store.shards[0].write('after', Buffer.from('x'), { lifeMs: Infinity }).then(
    ({ status }) => status,
    () => 'unavailable',
  );
  return { store, ms: performance.now() - startedAt, outcome };
}

describe('T11 a thread that is terminated in the middle of its writes', () => {
  it('locks nobody out while its process lives, and loses nothing that was acknowledged', async () => {
    const events = recordEvents('fault');
    for (let round = 0; round < 5; round++) {
      const acknowledged = await terminateInWrite(10 + round * 7);
      const { store, ms, outcome } = await openAndWrite();
      expect(outcome).toBe('stored');
      expectInQuiet(ms, lockedOutMs);
      for (const [key, number] of acknowledged) {
        const [item] = await store.shards[0].readMany([key]);
        expect(Number(item?.bytes.toString())).toBeGreaterThanOrEqual(number);
      }
      await store.close();
    }
    events.stop();
    expect(events.all).toEqual([]);
  });

  it('locks everybody out where only its process is asked for (negative control)', async () => {
    // It must end while it says that it is busy: most do not.
    for (let round = 0; round < 200; round++) {
      await terminateInWrite(10 + (round % 20));
      const { store, outcome } = await openAndWrite({ without: 'containers' });
      await store.close();
      if (outcome === 'unavailable') return;
    }
    throw new Error('nobody was locked out');
  });
});
