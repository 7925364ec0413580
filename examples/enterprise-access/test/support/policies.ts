import { randomUUID } from 'node:crypto';
import { everything } from '../../src/seed/customers.js';
import type { PolicySeed } from '../../src/seed/customers.js';
import { readCourses } from '../../src/upstream/catalog/course-data.js';
import type { AuditReport } from '../../src/upstream/ledger/audit.js';
import { request } from './example-process.js';
import type { ExampleProcess } from './example-process.js';

/** Courses of 49 dollars, which every test of money uses. */
export const courses49 = readCourses()
  .filter(({ priceUsd }) => priceUsd === 49)
  .map(({ key }) => key);

/** Adds a policy of the catalog that holds everything. Without limits and active unless told otherwise. */
export async function addPolicy(ledger: ExampleProcess, limits: Partial<PolicySeed> = {}): Promise<string> {
  const policy: PolicySeed = {
    ...{ uuid: randomUUID(), name: 'test', customerUuid: everything.customerUuid, catalogUuid: everything.uuid },
    ...{ active: true, spendLimitCents: null, perLearnerLimitCents: null },
    ...limits,
  };
  const { status } = await request('POST', `${ledger.address}/admin/policies/`, { body: policy });
  if (status !== 200) throw new Error(`The ledger answered ${status}.`);
  return policy.uuid;
}

export interface StoredTransaction {
  readonly uuid: string;
  readonly idempotency_key: string;
  readonly lms_user_id: number;
  readonly quantity: number;
}

/** What the ledger has stored under the policy. */
export async function transactionsOf(ledger: ExampleProcess, policyUuid: string): Promise<StoredTransaction[]> {
  const { body } = await request('GET', `${ledger.address}/api/v1/policies/${policyUuid}/transactions/`);
  return (body as { results: StoredTransaction[] }).results;
}

/** The books recounted by the ledger. */
export async function auditOf(ledger: ExampleProcess): Promise<AuditReport> {
  return (await request('GET', `${ledger.address}/audit`)).body as AuditReport;
}
