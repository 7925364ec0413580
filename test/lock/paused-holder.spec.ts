import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockProtections } from '../../src/lock/lease.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { Journal } from './support/journal.js';
import type { AfterPause } from './support/lock-worker.js';
import { endurance, pause } from './support/open-locks.js';
import { LockProcesses } from './support/start-lock-workers.js';

const ttlMs = endurance ? 4_000 : 2_000;
const rounds = endurance ? 3 : 1;

let server: MemcachedProcess;
let directory: DiskDirectory;
const processes = new LockProcesses();

beforeAll(async () => {
  server = await startMemcached();
  directory = diskDirectory();
});

afterAll(async () => {
  await processes.stop();
  await server.stop();
  directory.remove();
});

interface Scene {
  readonly name: string;
  readonly renew?: boolean;
  readonly comparesTokens?: boolean;
  readonly protections?: LockProtections;
  /** Blocks the event loop for so long instead of stopping the process. */
  readonly blockMs?: number;
}

interface Seen {
  readonly after: AfterPause;
  /** Whether the successor's lock is still in the store after the late holder's release. */
  readonly successorStands: boolean;
  /** Accepted writes with a token that was not larger than all before, and those that overwrote what they had not read. */
  readonly lateWrites: number;
  readonly lostUpdates: number;
}

/** A holder reads, is away for 2 or 3 lives while another one acquires and writes, comes back, and writes without a look at its signal. */
async function play({
  name,
  renew = true,
  comparesTokens = true,
  protections = {},
  blockMs = 0,
}: Scene): Promise<Seen> {
  const path = join(directory.path, name);
  const resourcePort = await processes.resource({ journal: path, comparesTokens });
  const data = { servers: server.address, ttlMs, protections, resourcePort };
  const [holder, successor] = await Promise.all([processes.worker(data), processes.worker(data)]);
  expect(await holder.call('acquire', name, renew)).toMatchObject({ status: 'acquired' });
  const late = holder.call<AfterPause>('readModifyWrite', name, blockMs);
  await pause(200);
  if (blockMs === 0) holder.pause();
  const awayUntil = performance.now() + 3 * ttlMs;
  expect(await successor.call('acquire', name, true, 3 * ttlMs)).toMatchObject({ status: 'acquired' });
  expect(await successor.call('write', 1)).toMatchObject({ accepted: true });
  if (blockMs === 0) {
    await pause(awayUntil - performance.now());
    holder.resume();
  }
  const after = await late;
  const successorStands = await successor.call<boolean>('renew');
  await Promise.all([holder.kill(), successor.kill()]);
  const accepted = new Journal(path).lines().filter(([verdict]) => verdict === 'accepted');
  const numbers = accepted.map((line) => line.slice(1).map(Number) as [number, number, number, number]);
  return {
    after,
    successorStands,
    lateWrites: numbers.filter(([token, max]) => token <= max).length,
    lostUpdates: numbers.filter(([, , before, wanted]) => wanted !== before + 1).length,
  };
}

describe('a holder that is away for longer than its lease', () => {
  it('L2 L3 learns that it lost the lock before its next call returns, harms no successor, and its write is refused', async () => {
    for (let round = 0; round < rounds; round++) {
      const scenes = [true, false].map((renew) => play({ name: `stopped-${renew}-${round}`, renew }));
      for (const { after, ...seen } of await Promise.all(scenes)) {
        expect(after).toMatchObject({ abortedAfterNextCall: true, reason: 'expired', released: 'lost' });
        expect(after.write).toMatchObject({ accepted: false });
        expect(seen).toEqual({ successorStands: true, lateWrites: 0, lostUpdates: 0 });
      }
    }
  }, 120_000);

  it("L2 L3 and without the protections believes in its lock, takes away the successor's, and overwrites its work", async () => {
    const blind = play({ name: 'blind', renew: false, protections: { noticesExpiry: false } });
    const rude = play({ name: 'rude', renew: false, protections: { comparesToken: false } });
    const trusting = play({ name: 'trusting', comparesTokens: false });
    expect((await blind).after.abortedAfterNextCall).toBe(false);
    expect(await rude).toMatchObject({ after: { released: 'released' }, successorStands: false });
    expect(await trusting).toMatchObject({ after: { write: { accepted: true } }, lateWrites: 1, lostUpdates: 1 });
  }, 60_000);

  it('L12 because its event loop was blocked, notices when a timer comes late, and no renewal revives its lock', async () => {
    const { after, ...seen } = await play({ name: 'blocked', blockMs: 2 * ttlMs });
    expect(after).toMatchObject({ abortedAfterNextCall: true, reason: 'expired', released: 'lost' });
    expect(seen).toEqual({ successorStands: true, lateWrites: 0, lostUpdates: 0 });
  }, 60_000);
});
