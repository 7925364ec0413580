import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DiskStoreTuning } from '../../src/store/disk/disk-store.js';
import type { Look } from '../support/disk-record-look.js';
import { smallFileSystem } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

const kib = 1_024;
const pageKib = 4;

let disk: DiskDirectory;
let worker: WorkerProcess;

async function start(tuning: DiskStoreTuning = {}): Promise<void> {
  worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), { directory: disk.path, tuning });
}

/** A file system with so many KiB free. */
function diskWithFree(freeKib: number): DiskDirectory {
  const whole = 256;
  const made = smallFileSystem(whole * kib);
  if (!made) throw new Error('the file system could not be mounted');
  if (freeKib < whole) writeFileSync(join(made.path, 'filler'), Buffer.alloc((whole - freeKib) * kib));
  return made;
}

async function tryOut(freeKib: number): Promise<void> {
  const small = diskWithFree(freeKib);
  try {
    expect(await worker.call<number>('open', join(small.path, 'store'))).toBeLessThan(3_000);
    for (const size of [10, 1_000, 10_000, 50_000]) {
      const key = `key${size}`;
      const outcome = await worker.call<string>('tryToWrite', key, 'v'.repeat(size));
      if (outcome !== 'stored') expect(outcome).toBe('STORE_UNAVAILABLE');
      else expect((await worker.call<Look>('look', key)).found).not.toBe('garbage');
    }
    await worker.call('close');
  } catch (error) {
    throw new Error(`with ${freeKib} KiB free`, { cause: error });
  } finally {
    small.remove();
  }
}

beforeEach(() => {
  disk = diskWithFree(256);
});

afterEach(async () => {
  await worker.kill();
  disk.remove();
});

describe('T11 a folder on a disk that is nearly full', () => {
  it('is opened or refused, and no process dies of it, whatever is free from nothing to 200 KiB', async () => {
    await start();
    const [lastKib, stepKib] = [200, pageKib];
    for (let freeKib = 0; freeKib <= lastKib; freeKib += stepKib) await tryOut(freeKib);
    expect(await worker.stop()).toBe('0');
  }, 300_000);

  it('ends the process where LMDB makes its file itself (negative control)', async () => {
    await start({ without: 'pages' });
    await expect(
      (async () => {
        for (let freeKib = 40; freeKib <= 52; freeKib += pageKib) await tryOut(freeKib);
      })(),
    ).rejects.toMatchObject({ cause: { message: expect.stringMatching(/ended \(SIGSEGV\)/) as unknown } });
  });
});
