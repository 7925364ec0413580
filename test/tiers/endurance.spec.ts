import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startFleet } from '../support/fleet/start-fleet.js';
import type { Fleet } from '../support/fleet/start-fleet.js';
import { seededRandom } from '../support/seeded-random.js';

const endurance = process.env['ENDURANCE'] === '1';
const forMs = endurance ? 600_000 : 4_000;
const faultEveryMs = endurance ? 20_000 : 600;

let fleet: Fleet;
afterEach(() => fleet.stop());

describe.each(['memcached', 'redis'] as const)('two processes on one %s, nine reads for one write', (store) => {
  it(
    `S6 fail nobody in ${forMs / 1_000} s with a fault every ${faultEveryMs / 1_000} s; heap and sockets stay what they were`,
    async () => {
      fleet = await startFleet(store, { members: 2, proxied: true, commandTimeout: 250 });
      const { proxy } = fleet;
      const server = fleet.server ?? fleet.redis;
      const random = seededRandom(3);
      const faults: readonly (() => unknown)[] = [
        () => proxy?.cut(),
        async () => {
          proxy?.blackhole(true);
          await pause(600);
          proxy?.blackhole(false);
        },
        async () => {
          server?.pause();
          await pause(500);
          server?.resume();
        },
        () => server?.restart(),
        () => server?.command(store === 'redis' ? 'FLUSHALL' : 'flush_all'),
        async () => {
          proxy?.delay(80, 'replies');
          await pause(400);
          proxy?.delay(0, 'replies');
        },
        async () => {
          await proxy?.refuse(true);
          proxy?.cut();
          await pause(500);
          await proxy?.refuse(false);
        },
        () => proxy?.replaceNextReply(Buffer.from('nonsense\r\n')),
      ];
      let ended = false;
      const connections: number[] = [];
      const trouble = async (): Promise<void> => {
        while (!ended) {
          await pause(faultEveryMs / 2);
          connections.push(proxy?.openConnections ?? 0);
          if (!ended) await random.pick(faults)();
          await pause(faultEveryMs / 2);
        }
      };
      const troubled = trouble();
      const reports = await Promise.all(
        fleet.members.map((member, seed) => member.call('endure', 'main', { forMs, lanes: 10, keys: 2_000, seed })),
      );
      ended = true;
      await troubled;
      for (const { calls, errors, wrongKey, unhandled, heapEarly, heapLate, slowestMs } of reports) {
        console.log(
          `S6: ${calls} calls, slowest ${Math.round(slowestMs)} ms, heap ${Math.round(heapEarly / 2 ** 20)} then ` +
            `${Math.round(heapLate / 2 ** 20)} MiB, connections at most ${Math.max(...connections)}`,
        );
        expect(errors).toEqual([]);
        expect(unhandled).toEqual([]);
        expect(wrongKey).toBe(0);
        expect(calls).toBeGreaterThan(forMs / 50);
        expect(heapLate).toBeLessThan(heapEarly * 1.25 + (endurance ? 8 : 32) * 2 ** 20);
      }
      // A few for each process, whatever happened.
      expect(Math.max(...connections)).toBeLessThanOrEqual(8);
    },
    forMs + 60_000,
  );
});
