import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.js';
import { Ledger } from '../src/upstream/ledger/ledger.js';
import { Sqlite } from '../src/upstream/ledger/sqlite.js';
import { addPolicy, auditOf, courses49, transactionsOf } from './support/policies.js';
import { request } from './support/example-process.js';
import { RunningService } from './support/running-service.js';
import { startStore } from './support/stores.js';
import type { ServiceStore } from './support/stores.js';

const [course] = courses49 as [string];
/** How long a commit is on its way: the lock ends before it arrives, on a clock of whole seconds too. */
const lateMs = 7_000;
const env = { REDEMPTION_LOCK_TIMEOUT: '2', REDEMPTION_LOCK_WAIT: '0', UPSTREAM_TIMEOUT: '20' };

/** The rules of the database about tokens, replaced by some that always hold. */
function withoutFences(file: string): void {
  const database = new Sqlite(file);
  new Ledger(database);
  for (const [trigger, table, action] of [
    ['transaction_needs_greater_token', 'transactions', 'INSERT'],
    ['fences_grow', 'fences', 'UPDATE'],
  ]) {
    database.exec(`DROP TRIGGER ${trigger};
      CREATE TRIGGER ${trigger} BEFORE ${action} ON ${table} WHEN 0 BEGIN SELECT 1; END`);
  }
  database.close();
}

describe.each(['disk', 'memcached', 'redis'] as const)('fencing on the %s store', (storeName) => {
  let store: ServiceStore;
  let shared: RunningService;
  let unfenced: RunningService;
  const wish = (learner: number): object => ({ lms_user_id: learner, content_key: course });

  beforeAll(async () => {
    store = await startStore[storeName]();
    const options = { workers: 2, env: { ...env, ...store.env } };
    [shared, unfenced] = await Promise.all([
      RunningService.start(options),
      RunningService.start({ ...options, prepareLedger: withoutFences }),
    ]);
  });
  beforeEach(async () => {
    await shared.reset();
  });
  afterAll(async () => {
    expect(await auditOf(shared.ledger)).toMatchObject({ violations: [] });
    await Promise.all([shared.stop(), unfenced.stop()]);
    await store.stop();
  });

  /**
   * 1. Worker 0 locks the policy and sends its commit, which is long on its way.
   * 2. Worker 0 is stopped; its lock ends after two seconds.
   * 3. Worker 1 locks the policy and commits.
   * 4. The first commit arrives. Worker 0 goes on and hears what became of it.
   */
  async function lateCommit(service: RunningService): Promise<{ policy: string; late: number; successor: number }> {
    const policy = await addPolicy(service.ledger, { spendLimitCents: 1_000_000 });
    await Promise.all([0, 1].map((worker) => service.redeem(policy, wish(100 + worker), { worker })));
    await service.planFault(service.ledger, { delay_ms: lateMs, times: 1, match: policy, method: 'POST' });
    const committed = (await transactionsOf(service.ledger, policy)).length;
    const late = service.redeem(policy, wish(7), { worker: 0 });
    await eventually(async () => expect(await service.commits()).toBe(committed + 1));
    const sentAt = performance.now();
    service.worker(0).pause();
    const successor = await eventually(
      async () => {
        const { status } = await service.redeem(policy, wish(8), { worker: 1 });
        expect(status).not.toBe(429);
        return status;
      },
      { everyMs: 50 },
    );
    expect(performance.now() - sentAt).toBeLessThan(lateMs);
    await sleep(lateMs + 300 - (performance.now() - sentAt));
    service.worker(0).resume();
    return { policy, late: (await late).status, successor };
  }

  /** Both ledgers see it at the same time. */
  let control: ReturnType<typeof lateCommit> | undefined;
  const beginControl = (): ReturnType<typeof lateCommit> => {
    control ??= lateCommit(unfenced);
    control.catch(() => {});
    return control;
  };

  it('refuses the late commit of a worker that was stopped and lost its lock', async () => {
    void beginControl();
    const { policy, late, successor } = await lateCommit(shared);
    expect([late, successor]).toEqual([409, 200]);
    const learners = (await transactionsOf(shared.ledger, policy)).map(({ lms_user_id }) => lms_user_id);
    expect(learners).toContain(8);
    expect(learners).not.toContain(7);
  });

  it('would accept it if the ledger did not compare tokens (control)', async () => {
    const { policy } = await beginControl();
    const learners = (await transactionsOf(unfenced.ledger, policy)).map(({ lms_user_id }) => lms_user_id);
    expect(learners.slice(-2)).toEqual([8, 7]);
    expect((await auditOf(unfenced.ledger)).violations).toEqual(
      expect.arrayContaining([expect.stringMatching('fencing token not greater than the one before')]),
    );
  });

  it('goes on after a counter that was lost began again below what the ledger has seen', async () => {
    const policy = await addPolicy(shared.ledger, { spendLimitCents: 1_000_000 });
    const anHourAhead = Date.now() * 1_000 + 3_600_000_000;
    const earlier = {
      ...{ idempotency_key: 'of a clock that is ahead', lms_user_id: 6, content_key: course, quantity: -4_900 },
      fence: { resource: `policy_redemption:${policy}`, token: anHourAhead },
    };
    const url = `${shared.ledger.address}/api/v1/policies/${policy}/transactions/`;
    expect((await request('POST', url, { body: earlier })).status).toBe(201);
    expect((await shared.redeem(policy, wish(7), { worker: 0 })).status).toBe(200);
    expect((await shared.redeem(policy, wish(8), { worker: 1 })).status).toBe(200);
    // One commit was refused; the counter itself was lifted, so that the other worker's was not.
    expect(await shared.commits()).toBe(1 + 2 + 1);
  });

  it('leaves it to the ledger when a policy gets a spend limit while two learners redeem', async () => {
    const policy = await addPolicy(shared.ledger, { perLearnerLimitCents: 1_000_000 });
    await shared.planFault(shared.ledger, { delay_ms: 2_500, times: 2, match: policy, method: 'POST' });
    const both = Promise.all([7, 8].map((learner) => shared.redeem(policy, wish(learner), { worker: learner % 2 })));
    await eventually(async () => expect(await shared.commits()).toBe(2));
    const change = { spend_limit_cents: 4_900 };
    await request('PATCH', `${shared.ledger.address}/admin/policies/${policy}/`, { body: change });
    const answers = await both;
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
    expect(answers.find(({ status }) => status === 422)?.body).toMatchObject({
      reasons: [{ reason: 'policy_spend_limit_reached' }],
    });
    expect(await transactionsOf(shared.ledger, policy)).toHaveLength(1);
  });

  it('lets a redemption finish when the worker is told to end', async () => {
    const policy = await addPolicy(shared.ledger, { spendLimitCents: 1_000_000 });
    // The right is one of a second, on a clock of whole seconds.
    await shared.planFault(shared.ledger, { delay_ms: 300, times: 1, match: policy, method: 'POST' });
    const slow = shared.redeem(policy, wish(7));
    await eventually(async () => expect(await shared.commits()).toBe(1));
    const ended = shared.worker(0).stop();
    expect((await slow).status).toBe(200);
    expect(await ended).toBe('SIGTERM');
    expect(await transactionsOf(shared.ledger, policy)).toHaveLength(1);
  });
});
