import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { Fleet } from '../support/fleet/start-fleet.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { expectLosslessThrough, runThrough } from './support/losses.js';
import type { Losses } from './support/losses.js';
import { churnLimitMs } from './support/run-churn.js';

const replicas: RedisProcess[] = [];
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
});

/** By how many invalidations a server is ahead of its snapshot, or a primary of its replica, when the latter takes its place. */
const aheadBy = 3;

/** An invalidation is published. */
async function publishedBy(server: RedisProcess): Promise<number> {
  return Number(/calls=(\d+)/.exec((await server.info('commandstats'))['cmdstat_publish'] ?? '')?.[1] ?? 0);
}

/** Or what time allows: once the processes have ended, nobody invalidates any more. */
async function getsAhead(server: RedisProcess): Promise<void> {
  const enough = aheadBy + (await publishedBy(server));
  const isAhead = async (): Promise<void> => expect(await publishedBy(server)).toBeGreaterThanOrEqual(enough);
  await eventually(isAhead, { withinMs: 1_000 }).catch(() => undefined);
}

/** Each brings back what had been deleted: a snapshot from before, and a replica that heard no more. */
function returns({ redis, proxy }: Fleet): Losses {
  let present = redis as RedisProcess;
  let spare: RedisProcess | undefined;
  return {
    restored: async () => {
      await present.command('SAVE');
      await getsAhead(present);
      await present.restart();
      return true;
    },
    failedOver: async () => {
      if (!spare) replicas.push((spare = await startRedis()));
      await spare.command('REPLICAOF', '127.0.0.1', present.port);
      const isInSync = async (): Promise<void> =>
        expect((await spare?.info('replication'))?.['master_link_status']).toBe('up');
      await eventually(isInSync);
      await spare.command('REPLICAOF', 'NO', 'ONE');
      await getsAhead(present);
      await present.kill();
      if (proxy) proxy.target = spare.port;
      proxy?.cut();
      [present, spare] = [spare, present];
      await spare.start();
      return true;
    },
  };
}

function redisLosses(fleet: Fleet): Losses {
  // Whichever has taken over by then: they ask where the processes ask.
  const ask = async (...command: readonly string[]): Promise<string> => {
    const server = [fleet.redis as RedisProcess, ...replicas].find(({ port }) => port === fleet.proxy?.target);
    return (await server?.text(...command)) ?? '';
  };
  const lose = async (key: string): Promise<boolean> => (await ask('DEL', key)) === '1';
  return {
    ...returns(fleet),
    flushed: async () => (await ask('FLUSHALL')) === 'OK',
    counterLost: () => lose('main~feed'),
    segmentLost: async () => lose(`main~feed:${(await ask('GET', 'main~feed')).split(' ')[0]}`),
    versionsLost: () => lose('main~versions'),
  };
}

/** What came back would be read until its row is updated once more. */
const scene = { rounds: process.env['ENDURANCE'] === '1' ? 42 : 8, longestPauseMs: 1_000 };

describe('three processes that read and invalidate over Redis', () => {
  it(
    'F9 lose nothing to a restart from a snapshot, a failover, a flush or the loss of the feed’s counter, a segment or the list of versions',
    () => expectLosslessThrough('redis', redisLosses, scene),
    churnLimitMs,
  );

  it(
    'F9 (−) read what had been deleted where they take every server for the one that they knew',
    async () => {
      const wrong = async (): Promise<void> => {
        const { verdict } = await runThrough('redis', returns, { ...scene, checksIncarnation: false });
        expect(verdict.tooOld.length + verdict.wentBack.length).toBeGreaterThan(0);
      };
      // Somebody has to read before the row is updated again: chance has a say in that, and a busy machine few reads.
      await eventually(wrong, { withinMs: churnLimitMs });
    },
    3 * churnLimitMs,
  );
});
