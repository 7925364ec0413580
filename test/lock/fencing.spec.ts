import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { oneLockServer, startLockServer } from './support/lock-server.js';
import type { LockServer } from './support/lock-server.js';
import { Journal } from './support/journal.js';
import { endurance, pause } from './support/open-locks.js';
import { LockProcesses } from './support/start-lock-workers.js';

const acquisitions = endurance ? 5_000 : 500;
const kills = endurance ? 20 : 4;

let server: LockServer;
let directory: DiskDirectory;
const processes = new LockProcesses();

beforeEach(() => {
  directory = diskDirectory();
});

afterEach(async () => {
  await processes.stop();
  await server.stop();
  directory.remove();
});

it.each(oneLockServer('memcached'))(
  `L16 on %s, the server of lock and counter is killed ${kills} times in ${acquisitions} acquisitions, and accepted tokens only grow`,
  async (serverName) => {
    server = await startLockServer[serverName]();
    const path = join(directory.path, 'journal');
    const journal = new Journal(path);
    const resourcePort = await processes.resource({ journal: path });
    const data = { servers: server.address, ttlMs: 2_000, resourcePort };
    const workers = await Promise.all([processes.worker(data), processes.worker(data)]);
    let done = false;
    const working = Promise.all(
      workers.map((worker) => worker.call<Record<string, number>>('accumulate', 'a', acquisitions / workers.length)),
    ).finally(() => (done = true));
    const accepted = (): string[][] => journal.lines().filter(([verdict]) => verdict === 'accepted');
    let killed = 0;
    for (; killed < kills; killed++) {
      const due = ((killed + 1) * acquisitions) / (kills + 2);
      while (!done && accepted().length < due) await pause(10);
      if (done) break;
      await server.kill();
      await server.start();
    }
    const counts = await working;
    const tokens = accepted().map(([, , token]) => Number(token));
    console.log(`L16: ${killed} kills, ${tokens.length} accepted, ${JSON.stringify(counts)}`);
    expect(killed).toBe(kills);
    expect(tokens).toHaveLength(acquisitions);
    expect(tokens.filter((token, index) => index > 0 && token <= (tokens[index - 1] as number))).toEqual([]);
    expect(tokens.every(Number.isSafeInteger)).toBe(true);
    // Each wrote what it had read, plus one.
    expect(accepted().filter(([, , , , before, wanted]) => Number(wanted) !== Number(before) + 1)).toEqual([]);
  },
  240_000,
);
