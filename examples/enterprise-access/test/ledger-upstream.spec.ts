import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { everything, policies } from '../src/seed/customers.js';
import type { PolicySeed } from '../src/seed/customers.js';
import { audit } from '../src/upstream/ledger/audit.js';
import { auditFile } from '../src/upstream/ledger/audit-file.js';
import { Ledger } from '../src/upstream/ledger/ledger.js';
import { Sqlite } from '../src/upstream/ledger/sqlite.js';
import { request, startExample } from './support/example-process.js';
import type { ExampleProcess } from './support/example-process.js';

const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
const file = join(folder, 'ledger.db');

function policyOf(limits: Partial<PolicySeed>): PolicySeed {
  return {
    uuid: randomUUID(),
    name: 'test',
    customerUuid: everything.customerUuid,
    catalogUuid: everything.uuid,
    active: true,
    spendLimitCents: null,
    perLearnerLimitCents: null,
    ...limits,
  };
}

describe('the subsidy ledger', () => {
  let upstream: ExampleProcess;
  let token = 0;
  const post = (path: string, body: unknown) => request('POST', upstream.address + path, { body });
  const newPolicy = async (limits: Partial<PolicySeed>): Promise<string> =>
    ((await post('/admin/policies/', policyOf(limits))).body as { uuid: string }).uuid;
  const spend = (policy: string, wish: object) =>
    post(`/api/v1/policies/${policy}/transactions/`, {
      idempotency_key: randomUUID(),
      lms_user_id: 7,
      content_key: 'edX+DemoX',
      quantity: -4_900,
      fence: { resource: policy, token: ++token },
      ...wish,
    });

  beforeAll(async () => {
    upstream = await startExample('upstream/ledger/main.ts', { env: { LEDGER_FILE: file, LEDGER_DELAY_MS: '0' } });
  });
  beforeEach(async () => {
    await request('DELETE', `${upstream.address}/faults`);
  });
  afterAll(async () => {
    expect((await request('GET', `${upstream.address}/audit`)).body).toMatchObject({ violations: [] });
    expect(await upstream.stop()).toBe(0);
    expect(await auditFile(file)).toMatchObject({ violations: [] });
    rmSync(folder, { recursive: true });
  });

  it('answers a transaction with all its fields', async () => {
    const policy = await newPolicy({});
    const metadata = { source: 'test' };
    const { status, body } = await spend(policy, { idempotency_key: 'once', metadata });
    expect(status).toBe(201);
    expect(body).toEqual({
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      state: 'committed',
      idempotency_key: 'once',
      lms_user_id: 7,
      content_key: 'edX+DemoX',
      quantity: -4_900,
      unit: 'USD_CENTS',
      subsidy_access_policy_uuid: policy,
      metadata,
      created: expect.any(String),
      modified: expect.any(String),
      reversals: [],
    });
  });

  it('answers a repeated key with the first transaction, whatever its token, and another wish under that key not at all', async () => {
    const policy = await newPolicy({});
    const first = await spend(policy, { idempotency_key: 'twice' });
    const again = await spend(policy, { idempotency_key: 'twice', fence: { resource: policy, token: 1 } });
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(await spend(policy, { idempotency_key: 'twice', lms_user_id: 8 })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_of_another' },
    });
  });

  it('never spends over the limit, also when twenty wishes arrive at once', async () => {
    const policy = await newPolicy({ spendLimitCents: 5 * 4_900 });
    const wishes = Array.from({ length: 20 }, (_, learner) =>
      spend(policy, { lms_user_id: learner + 1, fence: { resource: `${policy}:${learner}`, token: 1 } }),
    );
    const statuses = (await Promise.all(wishes)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(5);
    expect(statuses.filter((status) => status === 422)).toHaveLength(15);
  });

  it('keeps the per-learner limit per learner', async () => {
    const policy = await newPolicy({ perLearnerLimitCents: 5_000 });
    expect((await spend(policy, {})).status).toBe(201);
    expect((await spend(policy, { content_key: 'edX+Other' })).body).toEqual({ code: 'per_learner_limit' });
    expect((await spend(policy, { lms_user_id: 8 })).status).toBe(201);
  });

  it('refuses an inactive policy', async () => {
    expect((await spend(policies.inactive.uuid, {})).body).toEqual({ code: 'policy_inactive' });
  });

  it('refuses a token that is not greater than the last one, and answers with the greatest', async () => {
    const policy = await newPolicy({});
    await spend(policy, { fence: { resource: 'fenced', token: 1_763_700_000_000_007 } });
    for (const stale of [1_763_700_000_000_007, 1_763_700_000_000_006, 1]) {
      expect(await spend(policy, { fence: { resource: 'fenced', token: stale } })).toMatchObject({
        status: 409,
        body: { code: 'stale_fencing_token', max_fencing_token: 1_763_700_000_000_007 },
      });
    }
    expect((await spend(policy, { fence: { resource: 'fenced', token: 1_763_700_000_000_008 } })).status).toBe(201);
  });

  it('gives money back once', async () => {
    const policy = await newPolicy({ spendLimitCents: 4_900 });
    const { uuid } = (await spend(policy, {})).body as { uuid: string };
    const reversed = (await post(`/api/v1/transactions/${uuid}/reverse/`, {})).body;
    expect(reversed).toMatchObject({ uuid, reversals: [{ quantity: 4_900, state: 'committed' }] });
    expect((await post(`/api/v1/transactions/${uuid}/reverse/`, {})).body).toEqual(reversed);
    expect((await spend(policy, {})).status).toBe(201);
    expect((await spend(policy, {})).body).toEqual({ code: 'spend_limit' });
  });

  it('refuses a limit below what is spent already', async () => {
    const policy = await newPolicy({});
    await spend(policy, {});
    const change = (body: object) => request('PATCH', `${upstream.address}/admin/policies/${policy}/`, { body });
    expect(await change({ spend_limit_cents: 4_899 })).toMatchObject({ status: 422, body: { code: 'spend_limit' } });
    expect(await change({ spend_limit_cents: 4_900 })).toMatchObject({ status: 200, body: { spent_cents: 4_900 } });
  });

  it('has committed when only its reply was lost', async () => {
    const policy = await newPolicy({});
    await request('POST', `${upstream.address}/faults`, { body: { lose_reply: true, times: 1 } });
    await expect(spend(policy, { idempotency_key: 'unheard' })).rejects.toThrow();
    expect((await spend(policy, { idempotency_key: 'unheard' })).status).toBe(200);
  });

  it.each([
    ['quantity', { quantity: 1 }],
    ['quantity', { quantity: -0.5 }],
    ['lms_user_id', { lms_user_id: '7' }],
    ['content_key', { content_key: 'a\0b' }],
    ['idempotency_key', { idempotency_key: '' }],
    ['token', { fence: { resource: 'r', token: 0 } }],
    ['fence', { fence: undefined }],
  ])('names the field %s when it is bad', async (field, wish) => {
    const { status, body } = await spend(policies.unlimited.uuid, wish);
    expect([status, (body as { detail: string }).detail]).toEqual([400, expect.stringMatching(`^${field}: `)]);
  });

  it('lets no second process near its file', async () => {
    await expect(auditFile(file)).rejects.toThrow('is open in another process');
    await expect(startExample('upstream/ledger/main.ts', { env: { LEDGER_FILE: file } })).rejects.toThrow(
      'is open in another process',
    );
  });
});

describe('the audit', () => {
  // The rules of the database are switched off one by one: without them the books go wrong, and the audit says so.
  it.each([
    ['spent over its limit', 'spend_limit_cents = 1', ''],
    ['learner over the per-learner limit', 'per_learner_limit_cents = 1', ''],
    ["policy's sum is not that of its transactions", 'spent_cents = spent_cents + 1', ''],
    ["learner's sum is not that of the transactions", 'name = name', 'UPDATE learner_spends SET spent_cents = 1'],
    ['fence is not the greatest token accepted', 'name = name', 'UPDATE fences SET token = 99'],
    [
      'fencing token not greater than the one before',
      'name = name',
      'DROP TRIGGER transactions_stay; UPDATE transactions SET fencing_token = 1 WHERE sequence = 2',
    ],
    [
      'reversal gives back another amount',
      'name = name',
      'DROP TRIGGER reversals_stay; UPDATE reversals SET quantity = quantity + 1',
    ],
  ])('finds: %s', (wrong, policyChange, sql) => {
    const database = new Sqlite(':memory:');
    const ledger = new Ledger(database);
    const policyUuid = policies.unlimited.uuid;
    for (const [index, lmsUserId] of [7, 8].entries()) {
      const fence = { resource: 'r', token: index + 2 };
      const wish = {
        policyUuid,
        idempotencyKey: `${index}`,
        lmsUserId,
        contentKey: 'c',
        quantity: -100,
        fence,
        metadata: {},
      };
      const outcome = ledger.spend(wish);
      if (index === 0 && outcome.status === 'committed') ledger.reverse(outcome.transaction.uuid);
    }
    expect(audit(database)).toEqual({ violations: [], policies: 5, transactions: 2, reversals: 1, spent_cents: 100 });

    database.exec(
      `PRAGMA ignore_check_constraints = ON; UPDATE policies SET ${policyChange} WHERE uuid = '${policyUuid}'; ${sql}`,
    );
    expect(audit(database).violations.map((violation) => violation.split(':')[0])).toContain(wrong);
    database.close();
  });
});
