import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditFile } from '../src/upstream/ledger/audit-file.js';
import { addPolicy, auditOf, courses49, transactionsOf } from './support/policies.js';
import { RunningService } from './support/running-service.js';
import { startStore } from './support/stores.js';
import type { ServiceStore } from './support/stores.js';

const [course] = courses49 as [string];
const priceCents = 4_900;
const learners = Array.from({ length: 12 }, (_, index) => index + 1);
const killedSeconds = process.env['ENDURANCE'] ? 20 : 2;
const wish = (learner: number): object => ({ lms_user_id: learner, content_key: course });

/** The statuses that 12 requests for a policy with money for 5 ended with; who is told to come again does so. */
async function race(service: RunningService, comesAgainAfter: readonly number[]): Promise<number[]> {
  const policy = await addPolicy(service.ledger, { spendLimitCents: 5 * priceCents });
  const { spent_cents: before } = await auditOf(service.ledger);
  const contend = async (learner: number): Promise<number> => {
    for (;;) {
      const { status } = await service.redeem(policy, wish(learner), { worker: learner % 4 });
      if (!comesAgainAfter.includes(status)) return status;
      await sleep(20 + Math.random() * 80);
    }
  };
  const statuses = await Promise.all(learners.map(contend));
  expect(await transactionsOf(service.ledger, policy)).toHaveLength(5);
  const spent = before + 5 * priceCents;
  expect(await auditOf(service.ledger)).toMatchObject({ violations: [], spent_cents: spent });
  return statuses.sort();
}

// 503 and 409 are no part of the race: on a machine that is short of time a lock store misses its deadline, and nothing is redeemed, or a lock is lost.
async function expectFiveToWin(service: RunningService): Promise<void> {
  const statuses = await race(service, [409, 503]);
  expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
  expect(statuses.slice(5).filter((status) => status !== 422 && status !== 429)).toEqual([]);
}

describe('a race of 12 requests on 4 workers for a policy with money for 5', () => {
  it.each([
    ['turns the others away', '10', expectFiveToWin],
    [
      'sends everybody back who finds it locked, until the answer is final',
      '0',
      async (service: RunningService) => {
        const finals = await race(service, [409, 429, 503]);
        expect(finals).toEqual([200, 200, 200, 200, 200, 422, 422, 422, 422, 422, 422, 422]);
      },
    ],
  ] as const)('commits exactly 5 and %s, on the disk store', async (_what, wait, judge) => {
    const service = await RunningService.start({ workers: 4, env: { REDEMPTION_LOCK_WAIT: wait } });
    try {
      await judge(service);
    } finally {
      await service.stop();
    }
  });
});

describe.each(['memcached', 'redis'] as const)('a race on 4 workers over %s', (storeName) => {
  let store: ServiceStore;
  let service: RunningService;
  beforeAll(async () => {
    store = await startStore[storeName]();
    const env = { ...store.env, REDEMPTION_LOCK_WAIT: '10', REDEMPTION_LOCK_TIMEOUT: '2', UPSTREAM_TIMEOUT: '2' };
    service = await RunningService.start({ workers: 4, env });
  });
  afterAll(async () => {
    await service.stop();
    await store.stop();
  });

  it('commits exactly 5 of 12 requests for a policy with money for 5 and turns the others away', async () => {
    await expectFiveToWin(service);
  });

  // Last: it ends the ledger.
  it(
    `conserves money for ${killedSeconds} seconds, one of them killed each second`,
    async () => {
      const before = (await auditOf(service.ledger)).spent_cents;
      const acknowledged = new Map<string, string>();
      const unexpected: string[] = [];
      const policies = {
        whole: await addPolicy(service.ledger, { spendLimitCents: 40 * priceCents }),
        learner: await addPolicy(service.ledger, { perLearnerLimitCents: 3 * priceCents }),
      };
      let ended = false;
      const contend = async (client: number): Promise<void> => {
        for (let attempt = 0; !ended; attempt++) {
          const policy = attempt % 2 === 0 ? policies.whole : policies.learner;
          const learner = 1 + ((31 * client + 7 * attempt) % 400);
          const contentKey = courses49[attempt % 6] as string;
          const body = { lms_user_id: learner, content_key: contentKey };
          const worker = Math.floor(Math.random() * 4);
          const answer = await service.redeem(policy, body, { worker }).catch(() => undefined);
          if (answer?.status === 200) {
            const name = `${policy} ${learner} ${contentKey}`;
            const { uuid } = answer.body as { uuid: string };
            if ((acknowledged.get(name) ?? uuid) !== uuid) unexpected.push(`${name}: two transactions`);
            acknowledged.set(name, uuid);
          } else if (answer && ![409, 422, 429, 502, 503].includes(answer.status)) unexpected.push(`${answer.status}`);
          await sleep(5);
        }
      };
      const clients = Promise.all(Array.from({ length: 8 }, (_, client) => contend(client)));
      for (let second = 0; second < killedSeconds; second++) {
        await sleep(1_000);
        await service.replaceWorker(second % 4);
      }
      ended = true;
      await clients;

      const ofEach = Object.values(policies).map((policy) => transactionsOf(service.ledger, policy));
      const stored = (await Promise.all(ofEach)).flat();
      await service.ledger.kill();
      const report = await auditFile(service.ledgerFile);
      console.log(
        `${killedSeconds} kills: ${acknowledged.size} redemptions acknowledged, ${stored.length} stored, ${report.spent_cents} cents spent`,
      );
      const storedUuids = new Set(stored.map(({ uuid }) => uuid));
      expect([...acknowledged.values()].filter((uuid) => !storedUuids.has(uuid))).toEqual([]);
      expect(unexpected).toEqual([]);
      expect(report.violations).toEqual([]);
      expect(report.spent_cents - before).toBe(stored.length * priceCents);
      expect(acknowledged.size).toBeGreaterThan(5);
    },
    120_000 + killedSeconds * 8_000,
  );
});
