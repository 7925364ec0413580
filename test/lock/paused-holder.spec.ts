import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockProtections } from '../../src/lock/lease.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { oneLockServer, startLockServer } from './support/lock-server.js';
import type { LockServer } from './support/lock-server.js';
import { Journal } from './support/journal.js';
import type { AfterPause } from './support/lock-worker.js';
import { endurance, pause } from './support/open-locks.js';
import { LockProcesses } from './support/start-lock-workers.js';

const ttlMs = endurance ? 4_000 : 2_000;
const rounds = endurance ? 3 : 1;

let server: LockServer;
let directory: DiskDirectory;
const processes = new LockProcesses();

interface Scene {
  readonly name: string;
  readonly renew?: boolean;
}

interface Seen {
  readonly after: AfterPause;
  /** Whether the successor's lock is still in the store after the late holder's release. */
  readonly successorStands: boolean;
  /** Accepted writes with a token that was not larger than all before, and those that overwrote what they had not read. */
  readonly lateWrites: number;
  readonly lostUpdates: number;
}

/** Holders read, are away for 2 or 3 lives while another one acquires and writes, come back, and write without a look at their signal. */
async function play(holder: WorkerProcess, successor: WorkerProcess, scenes: readonly Scene[], blockMs = 0) {
  for (const { name, renew = true } of scenes) {
    expect(await holder.call('acquire', name, renew)).toMatchObject({ status: 'acquired' });
  }
  const late = scenes.map(({ name }) => holder.call<AfterPause>('readModifyWrite', name, blockMs));
  if (blockMs === 0) {
    await eventually(async () => expect(await holder.call('readersAway')).toBe(scenes.length));
    holder.pause();
  }
  const awayUntil = performance.now() + 3 * ttlMs;
  for (const { name } of scenes) {
    expect(await successor.call('acquire', name, true, 60_000)).toMatchObject({ status: 'acquired' });
    expect(await successor.call('write', name)).toMatchObject({ accepted: true });
  }
  if (blockMs === 0) {
    await pause(awayUntil - performance.now());
    holder.resume();
  }
  const afters = await Promise.all(late);
  const lines = new Journal(join(directory.path, 'journal')).lines();
  return Promise.all(
    scenes.map(async ({ name }, index): Promise<Seen> => {
      const writes = lines
        .filter(([verdict, of]) => verdict === 'accepted' && of === name)
        .map((line) => line.slice(2).map(Number) as [number, number, number, number]);
      return {
        after: afters[index] as AfterPause,
        successorStands: await successor.call<boolean>('renew', name),
        lateWrites: writes.filter(([token, max]) => token <= max).length,
        lostUpdates: writes.filter(([, , before, wanted]) => wanted !== before + 1).length,
      };
    }),
  );
}

describe.each(oneLockServer('redis'))('a holder on %s that is away for longer than its lease', (serverName) => {
  const harmless = { successorStands: true, lateWrites: 0, lostUpdates: 0 };
  let workers: (protections?: LockProtections, ofMs?: number) => Promise<WorkerProcess>;
  /** Has its locks for a minute: what is about here is whether others take them, not whether it renews them in time. */
  const successors = (): Promise<WorkerProcess> => workers({}, 60_000);
  /** What holders without a protection do, while those with it are away as well. */
  let unprotected: Promise<Seen[]>;

  beforeAll(async () => {
    server = await startLockServer[serverName]();
    directory = diskDirectory();
    const journal = join(directory.path, 'journal');
    const resourcePort = await processes.resource({ journal, trusting: ['trusting'] });
    workers = (protections = {}, ofMs = ttlMs) =>
      processes.worker({ servers: server.address, ttlMs: ofMs, protections, resourcePort });
    unprotected = playUnprotected();
    unprotected.catch(() => {});
  });

  afterAll(async () => {
    await processes.stop();
    await server.stop();
    directory.remove();
  });

  async function playUnprotected(): Promise<Seen[]> {
    const [blind, rude, successor] = await Promise.all([
      workers({ noticesExpiry: false }),
      workers({ comparesToken: false }),
      successors(),
    ]);
    const seen = await Promise.all([
      play(blind, successor, [{ name: 'trusting', renew: false }]),
      play(rude, successor, [{ name: 'rude', renew: false }]),
    ]);
    return seen.flat();
  }

  it('L2 L3 L12 learns that it lost the lock before its next call returns, harms no successor, and its write is refused', async () => {
    const [stopped, blocked, successor] = await Promise.all([workers(), workers(), successors()]);
    for (let round = 0; round < rounds; round++) {
      const scenes = [{ name: `renewing-${round}` }, { name: `not-renewing-${round}`, renew: false }];
      const seen = await Promise.all([
        play(stopped, successor, scenes),
        play(blocked, successor, [{ name: `blocked-${round}` }], 2 * ttlMs),
      ]);
      for (const { after, ...others } of seen.flat()) {
        expect(after).toMatchObject({
          abortedAfterNextCall: true,
          reason: 'expired',
          renewed: false,
          released: 'lost',
        });
        expect(after.write).toMatchObject({ accepted: false });
        expect(others).toEqual(harmless);
      }
    }
  });

  it("L2 L3 and without the protections believes in its lock, takes away the successor's, and overwrites its work", async () => {
    const [trusts, takes] = await unprotected;
    expect(trusts).toMatchObject({ after: { abortedAfterNextCall: false }, lateWrites: 1, lostUpdates: 1 });
    expect(takes).toMatchObject({ after: { released: 'released' }, successorStands: false });
  });
});
