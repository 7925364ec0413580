import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LockHeldError } from '../../src/value/errors.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { oneLockServer, startLockServer } from './support/lock-server.js';
import type { LockServer } from './support/lock-server.js';
import { Journal, overlapsIn, readNumber, writeNumber } from './support/journal.js';
import { endurance, openLocks, pause } from './support/open-locks.js';
import { LockProcesses } from './support/start-lock-workers.js';

let server: LockServer;
let directory: DiskDirectory;
const processes = new LockProcesses();

afterEach(async () => {
  await processes.stop();
  await server.stop();
  directory.remove();
});

describe.each(oneLockServer('memcached'))('contention for one lock on %s', (serverName) => {
  beforeEach(async () => {
    server = await startLockServer[serverName]();
    directory = diskDirectory();
  });

  const forMs = endurance ? 20_000 : 3_000;

  it('L1 four processes with 25 callers each are never in the section together, and no update is lost', async () => {
    writeNumber(join(directory.path, 'counter'), 0);
    const data = { servers: server.address, directory: directory.path };
    const workers = await Promise.all(Array.from({ length: 4 }, () => processes.worker(data)));
    const counts = await Promise.all(
      workers.map((worker) =>
        worker.call<{ acknowledged: number; unavailable: number }>('contend', 'counter', 25, forMs),
      ),
    );
    const lines = new Journal(join(directory.path, 'journal')).lines();
    const acknowledged = counts.reduce((sum, count) => sum + count.acknowledged, 0);
    console.log(`L1: ${acknowledged} sections by process ${counts.map((count) => count.acknowledged).join(' ')}`);
    expect(overlapsIn(lines)).toBe(0);
    expect(readNumber(join(directory.path, 'counter'))).toBe(acknowledged);
    expect(lines).toHaveLength(2 * acknowledged);
    expect(counts.map(({ unavailable }) => unavailable)).toEqual([0, 0, 0, 0]);
    // A lock that nobody gets would pass all of the above.
    expect(acknowledged).toBeGreaterThan(20);
    // On a busy machine one of them may come too late; alone it would contend with nobody.
    expect(counts.filter((count) => count.acknowledged > 0).length).toBeGreaterThan(1);
    if (endurance) expect(Math.min(...counts.map((count) => count.acknowledged))).toBeGreaterThan(0);
  });

  it('is counted by a journal that does show overlaps', () => {
    const lines = [
      ['enter', 'a'],
      ['enter', 'b'],
      ['leave', 'a'],
      ['enter', 'c'],
      ['leave', 'b'],
      ['leave', 'c'],
    ];
    expect(overlapsIn(lines)).toBe(2);
  });

  const waiters = endurance ? 500 : 200;
  const waitMs = endurance ? 5_000 : 2_000;

  it(`L13 ${waiters} waiters all acquire or time out in time, within the poll budget`, async () => {
    const open = await openLocks(server.address, { ttl: '60s' });
    const rooms = [open.locks, await open.another()];
    let inside = 0;
    let overlaps = 0;
    const before = await server.operations();
    const waits = await Promise.all(
      Array.from({ length: waiters }, async (_, index) => {
        const startedAt = performance.now();
        const room = rooms[index % rooms.length];
        const section = async (): Promise<number> => {
          const waitedMs = performance.now() - startedAt;
          overlaps += inside++;
          await pause(10);
          inside--;
          return waitedMs;
        };
        return room?.using('hot', { wait: waitMs }, section).catch((error: unknown) => {
          if (!(error instanceof LockHeldError)) throw error;
          return -(performance.now() - startedAt);
        });
      }),
    );
    const acquired = waits.filter((ms) => ms !== undefined && ms > 0).length;
    const asked = (await server.operations()) - before;
    console.log(`L13: ${acquired} of ${waiters} acquired, ${asked} operations`);
    await open.close();
    expect(overlaps).toBe(0);
    expect(waits.filter((ms) => ms === undefined)).toEqual([]);
    expectInQuiet(Math.max(...waits.map((ms) => Math.abs(ms ?? Infinity))), waitMs + 250);
    expect(acquired).toBeGreaterThan(waiters / 50);
    // Each section: add and draw, each with what is read beside it, read, remove, and a try that came when the lock was just gone to another process. Each room's line: its
    // first try, 7 + wait / 125 looks, and a rest for each 16 hand-overs.
    const budget = acquired * 9 + rooms.length * (2 + 7 + waitMs / 125) + acquired / 16;
    expect(asked).toBeLessThan(budget);
  });
});
