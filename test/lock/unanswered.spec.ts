import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { seededRandom } from '../support/seeded-random.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { lockServerNames, startLockServer } from './support/lock-server.js';
import type { LockServer } from './support/lock-server.js';
import { endurance, leaseOf, openLocks } from './support/open-locks.js';
import type { OpenLocks } from './support/open-locks.js';

let server: LockServer;
let proxy: TcpProxy;
let ours: OpenLocks;
let theirs: OpenLocks;

/** Connected, however long that takes on a busy machine, and its scripts known: the faults that follow are of its commands. */
async function openOurs(deadline: number, commandTimeout = deadline / 2): Promise<OpenLocks> {
  const deadlines = { commandTimeout, connectTimeout: commandTimeout };
  const opened = await openLocks(server.over(proxy.address), { ttl: '60s', deadline }, {}, deadlines);
  await eventually(async () => leaseOf(await opened.locks.acquire('another')).release());
  return opened;
}

afterEach(async () => {
  await ours.close();
  await theirs.close();
  await proxy.close();
  await server.stop();
});

/** Of an acquisition; of one command, or of connecting, it is the half. The lock lives 60 s. */
const deadlineMs = 500;

async function isFreeSoon(resource: string): Promise<void> {
  await eventually(async () => {
    await leaseOf(await theirs.locks.acquire(resource)).release();
  });
}

describe.each(lockServerNames)('on %s', (serverName) => {
  beforeEach(async () => {
    server = await startLockServer[serverName]();
    proxy = await startTcpProxy(server.port);
    ours = await openOurs(deadlineMs);
    theirs = await openLocks(server.address, { ttl: '60s' });
  });

  describe('L7 an `add` that arrived, and whose reply was lost,', () => {
    it('is found by its own token', async () => {
      await ours.close();
      ours = await openOurs(10_000, 500);
      for (let round = 0; round < (endurance ? 30 : 5); round++) {
        proxy.truncateNextReply(round % 8, round % 2 === 0 ? 'hang' : 'cut');
        const lease = leaseOf(await ours.locks.acquire('a'));
        expect(lease.validUntil - performance.now()).toBeLessThan(60_000 - server.resolutionMs);
        expect((await theirs.locks.acquire('a')).status).toBe('held');
        expect(await lease.release()).toBe('released');
      }
    });

    it('is `unavailable` while nothing can be read, and locks nobody out afterwards', async () => {
      proxy.dropReplies(true);
      expect((await ours.locks.acquire('a')).status).toBe('unavailable');
      expect((await theirs.locks.acquire('a')).status).toBe('held');
      proxy.dropReplies(false);
      await isFreeSoon('a');
    });

    it('is removed also when it arrives after the answer was given', async () => {
      const before = await server.writes();
      const items = async (): Promise<number> => (await server.writes()) - before;
      proxy.deliverAfterReset();
      proxy.delay(1_900); // a command that is two seconds late is not looked for any longer
      expect((await ours.locks.acquire('a')).status).toBe('unavailable');
      expect(await items()).toBe(0);
      proxy.delay(0);
      await eventually(async () => expect(await items()).toBe(1));
      await isFreeSoon('a');
    });

    it("never makes a lock look like somebody else's, wherever the connection is cut", async () => {
      const random = seededRandom(7);
      let granted = 0;
      for (let round = 0; round < (endurance ? 300 : 40); round++) {
        const cut = setTimeout(() => proxy.cut(), random() * 3);
        const outcome = await ours.locks.acquire(['cut', round]);
        clearTimeout(cut);
        expect(outcome.status).not.toBe('held');
        if (outcome.status !== 'acquired') continue;
        granted++;
        expect((await theirs.locks.acquire(['cut', round])).status).toBe('held');
        expect(await outcome.lease.release()).not.toBe('lost');
      }
      expect(granted).toBeGreaterThan(0);
    });
  });

  describe('L8 a server that refuses or says nothing', () => {
    it.each(['refuses', 'is a black hole', 'drops replies', 'is stopped'])(
      '%s: `unavailable` in time, never `held`',
      async (how) => {
        if (how === 'refuses') await proxy.refuse(true).then(() => proxy.cut());
        if (how === 'is a black hole') proxy.blackhole(true);
        if (how === 'drops replies') proxy.dropReplies(true);
        if (how === 'is stopped') server.pause();
        for (const wait of [0, 0, '10s'] as const) {
          const startedAt = performance.now();
          const outcome = await ours.locks.acquire('a', { wait });
          expect(outcome.status).toBe('unavailable');
          expect(performance.now() - startedAt).toBeLessThan(10_000); // the wait is for a lock that is held
          expectInQuiet(performance.now() - startedAt, deadlineMs * 1.1);
        }
        const waiters = Array.from({ length: 20 }, () => ours.locks.acquire('b', { wait: '10s' }));
        const startedAt = performance.now();
        expect((await Promise.all(waiters)).map(({ status }) => status)).toEqual(waiters.map(() => 'unavailable'));
        expect(performance.now() - startedAt).toBeLessThan(10_000);
        expectInQuiet(performance.now() - startedAt, deadlineMs * 1.1);
        server.resume();
        proxy.blackhole(false);
        proxy.dropReplies(false);
        await proxy.refuse(false);
        await eventually(async () => leaseOf(await ours.locks.acquire('a')));
      },
    );
  });
});
