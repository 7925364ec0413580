import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { FleetStore } from '../support/fleet/start-fleet.js';
import { seededRandom } from '../support/seeded-random.js';
import { churnLimitMs, expectCoherent, runChurn, usualRounds } from './support/run-churn.js';
import { expectLosslessThrough, memcachedLosses } from './support/losses.js';

const endurance = process.env['ENDURANCE'] === '1';

describe('three processes that read and invalidate', () => {
  it.each<FleetStore>(['memory', 'disk', 'memcached', 'redis'])(
    'F9 read nothing older than the interval and a round trip, over %s',
    async (store) => {
      const outcome = await runChurn(store);
      expectCoherent(outcome);
      expect(outcome.reports.every(({ acknowledged }) => acknowledged > 0)).toBe(true);
    },
    churnLimitMs,
  );

  it.each<FleetStore>(['memcached', 'redis'])(
    'F9 and blindFor more where %s is 0 to 200 ms away and its connections are cut',
    async (store) => {
      const random = seededRandom(1);
      // A cut costs what is under way, and the second in which the breaker asks nobody: fewer than half of the writes are acknowledged.
      const rounds = endurance ? 400 : usualRounds;
      let cuts = 0;
      const outcome = await runChurn(store, {
        // Three commands of up to 200 ms and their turn in line: within the usual 250 ms most writes would not be acknowledged.
        commandTimeout: 800,
        rounds,
        async trouble({ proxy }, ended) {
          proxy?.delayBetween(0, 200, random);
          while (!ended.aborted) {
            await pause(endurance ? 2_000 + random() * 1_000 : 1_200 + random() * 800);
            proxy?.cut();
            cuts++;
          }
        },
      });
      expect(cuts).toBeGreaterThanOrEqual(endurance ? 20 : 2);
      expectCoherent(outcome);
      expect(outcome.acknowledged).toBeGreaterThan(rounds);
    },
    churnLimitMs,
  );

  it(
    'F9 lose nothing to a restart, a flush_all or the loss of the feed’s counter, a segment or the list of versions',
    () => expectLosslessThrough('memcached', memcachedLosses),
    churnLimitMs,
  );

  it.each<FleetStore>(['memory', 'disk', 'memcached', 'redis'])(
    'F9 (−) read older values where nobody reads what the others invalidated, over %s',
    async (store) => {
      const wrong = async (): Promise<void> => {
        const { verdict } = await runChurn(store, { isCoherent: false });
        expect(verdict.tooOld.length).toBeGreaterThan(0);
      };
      // Where all of them are slow, few read.
      await eventually(wrong, { withinMs: churnLimitMs });
    },
    3 * churnLimitMs,
  );
});
