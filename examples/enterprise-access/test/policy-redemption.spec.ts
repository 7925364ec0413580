import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.js';
import { business, policies } from '../src/seed/customers.js';
import { auditOf, addPolicy, courses49, transactionsOf } from './support/policies.js';
import { request } from './support/example-process.js';
import { RunningService } from './support/running-service.js';
import { combinationsWith, startStore } from './support/stores.js';
import type { ServiceStore } from './support/stores.js';

const [course, otherCourse, thirdCourse] = courses49 as [string, string, string];

/** Arrays in arrays. */
function nested(levels: number): unknown[] {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

describe.each(combinationsWith('redis'))('redemption on the %s store, over %s', (storeName, adapter) => {
  let store: ServiceStore;
  let service: RunningService;
  const newPolicy = (limits: Parameters<typeof addPolicy>[1] = {}): Promise<string> =>
    addPolicy(service.ledger, limits);
  const wish = (more: object = {}): object => ({ lms_user_id: 7, content_key: course, ...more });

  beforeAll(async () => {
    store = await startStore[storeName]();
    const env = { ...store.env, HTTP_ADAPTER: adapter, REDEMPTION_LOCK_WAIT: '0' };
    service = await RunningService.start({ workers: 2, env });
    // The price is known before the first test: what follows is about money, not about loads.
    await redeem(await newPolicy(), wish());
  });
  beforeEach(async () => {
    await service.reset();
  });
  afterAll(async () => {
    expect(await auditOf(service.ledger)).toMatchObject({ violations: [] });
    expect(await service.stop()).toEqual(['SIGTERM', 'SIGTERM']);
    await store.stop();
  });

  /** Where its lock can't be had in time, on a busy machine, the service redeems nothing, and says when to come back. */
  const redeem: RunningService['redeem'] = (...given) =>
    eventually(async () => {
      const answer = await service.redeem(...given);
      expect(answer.status).not.toBe(503);
      return answer;
    });

  /** The ledger has been asked to commit, and answers when the service's faults are forgotten. */
  const heldRedemption = async (policy: string): Promise<{ answer: ReturnType<RunningService['redeem']> }> => {
    await service.planFault(service.ledger, { hold: true, times: 1, match: `${policy}/transactions/`, method: 'POST' });
    const answer = redeem(policy, wish());
    await eventually(async () => expect(await service.commits()).toBe(1));
    return { answer };
  };

  it('answers with the transaction', async () => {
    const policy = await newPolicy({ spendLimitCents: 10_000 });
    const { status, body } = await redeem(policy, wish({ metadata: { campaign: 'spring' } }), {
      as: service.learner,
    });
    expect([status, body]).toEqual([
      200,
      {
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        state: 'committed',
        idempotency_key: expect.stringMatching(/^redemption-[0-9a-f]{64}$/),
        lms_user_id: 7,
        content_key: course,
        quantity: -4_900,
        unit: 'USD_CENTS',
        subsidy_access_policy_uuid: policy,
        metadata: { campaign: 'spring' },
        created: expect.any(String),
        modified: expect.any(String),
        reversals: [],
      },
    ]);
  });

  it('answers a retry with the first transaction, on any worker, also when the money is gone', async () => {
    const policy = await newPolicy({ spendLimitCents: 4_900 });
    const first = await redeem(policy, wish());
    const again = await redeem(policy, wish({ metadata: { another: true } }), { worker: 1 });
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(await transactionsOf(service.ledger, policy)).toHaveLength(1);
  });

  it('redeems again what was reversed', async () => {
    const policy = await newPolicy({ spendLimitCents: 4_900 });
    const first = (await redeem(policy, wish())).body as { uuid: string };
    await request('POST', `${service.ledger.address}/api/v1/transactions/${first.uuid}/reverse/`, { body: {} });
    const second = (await redeem(policy, wish())).body as { uuid: string };
    expect(second).toMatchObject({ quantity: -4_900, reversals: [] });
    expect(second.uuid).not.toBe(first.uuid);
    expect((await redeem(policy, wish())).body).toEqual(second);
  });

  it('gets the first transaction when only the reply of the ledger was lost', async () => {
    const policy = await newPolicy({ spendLimitCents: 4_900 });
    await service.planFault(service.ledger, { lose_reply: true, times: 1, match: policy, method: 'POST' });
    expect((await redeem(policy, wish())).status).toBe(502);
    const [committed] = await transactionsOf(service.ledger, policy);
    expect(await redeem(policy, wish())).toMatchObject({ status: 200, body: { uuid: committed?.uuid } });
    expect(await transactionsOf(service.ledger, policy)).toHaveLength(1);
  });

  it.each([
    ['spend limit', { spendLimitCents: 4_899 }, ['policy_spend_limit_reached']],
    ['per-learner limit', { perLearnerLimitCents: 4_899 }, ['learner_max_spend_reached']],
    [
      'both limits',
      { spendLimitCents: 0, perLearnerLimitCents: 0 },
      ['policy_spend_limit_reached', 'learner_max_spend_reached'],
    ],
    ['inactive policy', { active: false }, ['policy_inactive']],
    [
      'content outside of the catalog of an inactive policy',
      { active: false, catalogUuid: business.uuid },
      ['policy_inactive', 'content_not_in_catalog'],
    ],
  ])('answers 422 with every reason: %s', async (_name, limits, reasons) => {
    const policy = await newPolicy(limits);
    const { status, body } = await redeem(policy, wish());
    expect([status, body]).toEqual([
      422,
      {
        detail: expect.any(String),
        reasons: reasons.map((reason) => ({ reason, user_message: expect.any(String), policy_uuids: [policy] })),
      },
    ]);
    expect(await transactionsOf(service.ledger, policy)).toEqual([]);
  });

  it('counts a per-learner limit for each learner', async () => {
    const policy = await newPolicy({ perLearnerLimitCents: 9_800 });
    const statuses = [];
    for (const contentKey of [course, otherCourse, thirdCourse]) {
      statuses.push((await redeem(policy, wish({ content_key: contentKey }))).status);
    }
    expect(statuses).toEqual([200, 200, 422]);
    expect((await redeem(policy, wish({ lms_user_id: 8, content_key: thirdCourse }))).status).toBe(200);
  });

  it('answers 429 while another request redeems under a policy with a spend limit', async () => {
    const policy = await newPolicy({ spendLimitCents: 100_000 });
    const slow = await heldRedemption(policy);
    const meanwhile = await redeem(policy, wish({ lms_user_id: 8 }), { worker: 1 });
    expect([meanwhile.status, meanwhile.body]).toEqual([
      429,
      { detail: 'Enrollment currently locked for this subsidy access policy.' },
    ]);
    const retryAfter = Number(meanwhile.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
    await service.reset();
    expect((await slow.answer).status).toBe(200);
    expect((await redeem(policy, wish({ lms_user_id: 8 }), { worker: 1 })).status).toBe(200);
  });

  it('locks the learner only when there are only per-learner limits', async () => {
    const policy = await newPolicy({ perLearnerLimitCents: 100_000 });
    const slow = await heldRedemption(policy);
    const [same, other] = [
      await redeem(policy, wish({ content_key: otherCourse }), { worker: 1 }),
      await redeem(policy, wish({ lms_user_id: 8 }), { worker: 1 }),
    ];
    expect([same.status, other.status]).toEqual([429, 200]);
    await service.reset();
    expect((await slow.answer).status).toBe(200);
  });

  it('lets the learner redeem for itself, and staff for everybody', async () => {
    const policy = await newPolicy();
    expect((await redeem(policy, wish(), { as: service.learner })).status).toBe(200);
    expect((await redeem(policy, wish({ lms_user_id: 8 }), { as: service.learner })).status).toBe(403);
    expect((await redeem(policy, wish({ lms_user_id: 8 }), { as: service.inactiveStaff })).status).toBe(403);
    expect((await redeem(policy, wish({ lms_user_id: 8 }), { as: service.staff })).status).toBe(200);
    expect((await redeem(policy, wish(), { as: '' })).status).toBe(401);
    expect((await redeem(policy, wish(), { as: 'nonsense' })).status).toBe(401);
    expect((await transactionsOf(service.ledger, policy)).map(({ lms_user_id }) => lms_user_id)).toEqual([7, 8]);
  });

  it.each([
    ['body', 'a list', [1]],
    ['lms_user_id', 'absent', { content_key: course }],
    ['lms_user_id', 'a text', { lms_user_id: '7', content_key: course }],
    ['lms_user_id', 'negative', { lms_user_id: -7, content_key: course }],
    ['content_key', 'absent', { lms_user_id: 7 }],
    ['content_key', 'a smuggled command', { lms_user_id: 7, content_key: 'a\r\nget b' }],
    ['metadata', 'a text', { lms_user_id: 7, content_key: course, metadata: 'x' }],
    ['metadata', 'nested too deeply', { lms_user_id: 7, content_key: course, metadata: { deep: nested(3_000) } }],
    ['metadata', 'too long', { lms_user_id: 7, content_key: course, metadata: { long: 'x'.repeat(10_000) } }],
  ])('answers 400 that names %s when it is %s', async (field, _problem, body) => {
    const answer = await redeem(policies.unlimited.uuid, body);
    expect([answer.status, answer.body]).toEqual([
      400,
      { detail: expect.stringMatching(`^${field}: `), errors: [{ field, reason: expect.any(String) }] },
    ]);
  });

  it('answers 400 for an id that is none, and 404 for a policy that does not exist', async () => {
    expect(await redeem('7', wish())).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'policy_uuid' }] },
    });
    expect(await redeem('00000000-0000-4000-8000-000000000000', wish())).toMatchObject({
      status: 404,
      body: { detail: 'No such policy.' },
    });
  });

  it('answers 502 when the ledger or the catalog fails, and leaves the policy unlocked', async () => {
    const policy = await newPolicy({ spendLimitCents: 100_000 });
    await service.planFault(service.ledger, { status: 503, times: 1, match: '/learners/' });
    const failed = await redeem(policy, wish());
    expect([failed.status, failed.body]).toEqual([502, { detail: 'The ledger service failed.' }]);
    await service.planFault(service.catalog, { status: 503, times: 1, match: '/content-metadata/' });
    const unseen = courses49[adapter === 'express' ? 10 : 11] as string;
    expect((await redeem(policy, wish({ content_key: unseen }))).status).toBe(502);
    expect((await redeem(policy, wish())).status).toBe(200);
    expect(await transactionsOf(service.ledger, policy)).toHaveLength(1);
  });

  it('asks the ledger for the policy once per request', async () => {
    const policy = await newPolicy();
    await service.reset();
    await redeem(policy, wish());
    await redeem(policy, wish());
    expect((await service.upstreamRequests(service.ledger))['GET /api/v1/policies/:uuid/']).toBe(2);
  });
});
