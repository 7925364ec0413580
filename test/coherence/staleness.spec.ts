import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { judgeChurn } from '../support/fleet/churn-judge.js';
import type { ChurnVerdict } from '../support/fleet/churn-judge.js';
import type { ChurnReport } from '../support/fleet/churn.js';
import { startFleet } from '../support/fleet/start-fleet.js';
import type { Fleet, FleetStore } from '../support/fleet/start-fleet.js';
import type { MemberCache } from '../support/fleet/fleet-member.js';
import { seededRandom } from '../support/seeded-random.js';

const endurance = process.env['ENDURANCE'] === '1';
const members = 3;
const rows = 24;
/** Of each row: 24 rows make 1,000 updates and more of 42. */
const rounds = endurance ? 42 : 10;
const interval = 300;
const blindFor = 1_000;
/** The interval, a round trip (the store's deadline), and the 25 ms that a hit's clock may be behind. */
const boundMs = interval + 250 + 25;

let fleet: Fleet;
afterEach(() => fleet.stop(), 30_000);

interface Outcome {
  readonly verdict: ChurnVerdict;
  readonly reports: ChurnReport[];
}

/** Three processes read and write; `trouble` goes on until they have ended. */
async function run(
  store: FleetStore,
  cache: MemberCache,
  trouble: (ended: AbortSignal) => Promise<void> = async () => {},
  { commandTimeout = 250, roundsOfRow = rounds }: { commandTimeout?: number; roundsOfRow?: number } = {},
): Promise<Outcome> {
  const files = Object.fromEntries(Array.from({ length: rows }, (_, row) => [`row${row}`, '1']));
  fleet = await startFleet(store, { members, files, proxied: true, commandTimeout, caches: { main: cache } });
  const ended = new AbortController();
  const troubled = trouble(ended.signal);
  const options = { members, rows, rounds: roundsOfRow, readers: 4, seed: 7 };
  const reports = await Promise.all(
    fleet.members.map((one, member) => one.call('churn', 'main', { ...options, member })),
  );
  ended.abort();
  await troubled;
  const journal = readFileSync(join(fleet.folder, 'churn'), 'utf8');
  const verdict = judgeChurn(journal, { boundMs, blindForMs: blindFor });
  const acknowledged = reports.reduce((sum, one) => sum + one.acknowledged, 0);
  console.log(
    `F9 ${store}: ${verdict.reads} reads, ${acknowledged} of ${rows * roundsOfRow} writes acknowledged, ` +
      `oldest answer ${verdict.oldestMs} ms, ${verdict.tooOld.length} too old, ${verdict.wentBack.length} went back`,
  );
  return { verdict, reports };
}

function expectCoherent({ verdict, reports }: Outcome): void {
  expect(reports.flatMap(({ errors }) => errors)).toEqual([]);
  expect(verdict.reads).toBeGreaterThan(20);
  expect(verdict.tooOld).toEqual([]);
  expect(verdict.wentBack).toEqual([]);
}

const coherence = { interval, blindFor };
const limitMs = endurance ? 300_000 : 90_000;

describe('three processes that read and invalidate', () => {
  it.each<FleetStore>(['memory', 'disk', 'memcached', 'redis'])(
    'F9 read nothing older than the interval and a round trip, over %s',
    async (store) => {
      const outcome = await run(store, { configuration: { coherence } });
      expectCoherent(outcome);
      expect(outcome.reports.every(({ acknowledged }) => acknowledged > 0)).toBe(true);
    },
    limitMs,
  );

  it(
    'F9 and blindFor more where memcached is 0 to 200 ms away and its connections are cut',
    async () => {
      const random = seededRandom(1);
      // A cut costs what is under way, and the second in which the breaker asks nobody: fewer than half of the writes are acknowledged.
      const roundsOfRow = endurance ? 400 : rounds;
      let cuts = 0;
      const trouble = async (ended: AbortSignal): Promise<void> => {
        fleet.proxy?.delayBetween(0, 200, random);
        while (!ended.aborted) {
          await pause(endurance ? 2_000 + random() * 1_000 : 1_200 + random() * 800);
          fleet.proxy?.cut();
          cuts++;
        }
      };
      // Three commands of up to 200 ms and their turn in line: within the usual 250 ms most writes would not be acknowledged.
      const outcome = await run('memcached', { configuration: { coherence } }, trouble, {
        commandTimeout: 800,
        roundsOfRow,
      });
      expect(cuts).toBeGreaterThanOrEqual(endurance ? 20 : 2);
      expectCoherent(outcome);
      expect(outcome.reports.reduce((sum, { acknowledged }) => sum + acknowledged, 0)).toBeGreaterThan(roundsOfRow);
    },
    limitMs,
  );

  it(
    'F9 lose nothing to a restart, a flush_all or the loss of the feed’s counter, a segment or the list of versions',
    async () => {
      const done: Record<string, number> = {};
      const random = seededRandom(2);
      const trouble = async (ended: AbortSignal): Promise<void> => {
        const server = fleet.server;
        const lose = async (key: string): Promise<boolean> => (await server?.command(`delete ${key}`)) === 'DELETED';
        const faults: Record<string, () => Promise<boolean>> = {
          flushed: async () => (await server?.command('flush_all')) === 'OK',
          counterLost: () => lose('main~feed'),
          restarted: async () => {
            await server?.restart();
            return true;
          },
          segmentLost: async () => {
            const number = /^VA[^\n]*\n(\d+)/.exec((await server?.command('mg main~feed v')) ?? '')?.[1];
            return lose(`main~feed:${number}`);
          },
          versionsLost: () => lose('main~versions'),
        };
        for (let turn = 0; !ended.aborted; turn++) {
          await pause(150 + random() * 200);
          const [name, fault] = Object.entries(faults)[turn % 5] ?? [];
          if (name && (await fault?.())) done[name] = (done[name] ?? 0) + 1;
        }
      };
      const options = { roundsOfRow: endurance ? rounds : 35 };
      const outcome = await run('memcached', { configuration: { coherence } }, trouble, options);
      console.log(`F9 in the middle of it: ${JSON.stringify(done)}`);
      expect(Object.keys(done)).toHaveLength(5);
      expectCoherent(outcome);
    },
    limitMs,
  );

  it.each<FleetStore>(['memory', 'disk', 'memcached', 'redis'])(
    'F9 (−) read older values where nobody reads what the others invalidated, over %s',
    async (store) => {
      const { verdict } = await run(store, { configuration: { coherence: false } });
      expect(verdict.tooOld.length).toBeGreaterThan(0);
    },
    limitMs,
  );
});
