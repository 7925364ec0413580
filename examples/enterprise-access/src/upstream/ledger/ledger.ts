import { randomUUID } from 'node:crypto';
import { policies } from '../../seed/customers.js';
import type { PolicySeed } from '../../seed/customers.js';
import { refusalOf } from './refusal.js';
import type { Refusal } from './refusal.js';
import { schema } from './schema.js';
import type { Sqlite } from './sqlite.js';
import type { Row } from './sqlite.js';
import { policyRecord, transactionRecord } from './records.js';
import type { PolicyRecord, TransactionRecord } from './records.js';

/** A wish to spend. `quantity` is 0 or negative cents. */
export interface Spend {
  readonly policyUuid: string;
  readonly idempotencyKey: string;
  readonly lmsUserId: number;
  readonly contentKey: string;
  readonly quantity: number;
  /** What the caller locked, and the fencing token that it got for it. */
  readonly fence: { readonly resource: string; readonly token: number };
  readonly metadata: Readonly<Record<string, unknown>>;
}

export type SpendOutcome =
  | { readonly status: 'committed' | 'repeated'; readonly transaction: TransactionRecord }
  | { readonly status: 'refused'; readonly refusal: Refusal }
  | { readonly status: 'no-such-policy' };

export type PolicyChange = Partial<
  Pick<PolicyRecord, 'active' | 'spend_limit_cents' | 'per_learner_limit_cents' | 'catalog_uuid'>
>;

/** Policies and what was spent under them. What it answers is on the disk. */
export class Ledger {
  constructor(private readonly database: Sqlite) {
    database.transaction(() => {
      database.exec(schema);
      for (const seed of Object.values(policies)) this.insertPolicy(seed, 'OR IGNORE');
    });
  }

  policies(): PolicyRecord[] {
    return this.database.all('SELECT * FROM policies ORDER BY name').map(policyRecord);
  }

  policy(uuid: string): PolicyRecord | undefined {
    const row = this.database.get('SELECT * FROM policies WHERE uuid = ?', uuid);
    return row && policyRecord(row);
  }

  addPolicy(seed: PolicySeed): PolicyRecord | undefined {
    this.database.transaction(() => this.insertPolicy(seed, ''));
    return this.policy(seed.uuid);
  }

  /** @throws Refusal when the policy has already spent more than the new limit allows. */
  changePolicy(uuid: string, change: PolicyChange): PolicyRecord | undefined {
    const before = this.policy(uuid);
    if (!before) return undefined;
    const after = { ...before, ...change };
    this.database.run(
      `UPDATE policies SET active = ?, spend_limit_cents = ?, per_learner_limit_cents = ?, catalog_uuid = ?, modified = ?
       WHERE uuid = ?`,
      after.active ? 1 : 0,
      after.spend_limit_cents,
      after.per_learner_limit_cents,
      after.catalog_uuid,
      new Date().toISOString(),
      uuid,
    );
    return this.policy(uuid);
  }

  /** Cents that the learner spent under the policy, reversals taken off. */
  spentByLearner(policyUuid: string, lmsUserId: number): number {
    const sql = 'SELECT spent_cents FROM learner_spends WHERE policy_uuid = ? AND lms_user_id = ?';
    return Number(this.database.get(sql, policyUuid, lmsUserId)?.['spent_cents'] ?? 0);
  }

  /** Commits one transaction; a repeated idempotency key gets the first one again. */
  spend(wish: Spend): SpendOutcome {
    try {
      return this.database.transaction(() => this.insertTransaction(wish));
    } catch (error) {
      const refusal = refusalOf(error, this.tokenOf(wish.fence.resource));
      if (!refusal) throw error;
      return { status: 'refused', refusal };
    }
  }

  transaction(uuid: string): TransactionRecord | undefined {
    return this.withReversals(this.database.get('SELECT * FROM transactions WHERE uuid = ?', uuid));
  }

  transactions(policyUuid: string, lmsUserId?: number, contentKey?: string): TransactionRecord[] {
    const sql = `SELECT * FROM transactions WHERE policy_uuid = ? AND lms_user_id = coalesce(?, lms_user_id)
      AND content_key = coalesce(?, content_key) ORDER BY sequence`;
    const rows = this.database.all(sql, policyUuid, lmsUserId ?? null, contentKey ?? null);
    return rows.flatMap((row) => this.withReversals(row) ?? []);
  }

  /** Gives all the money of a transaction back; once. */
  reverse(transactionUuid: string): TransactionRecord | undefined {
    const transaction = this.transaction(transactionUuid);
    if (!transaction || transaction.reversals.length > 0) return transaction;
    this.database.transaction(() =>
      this.database.run(
        'INSERT INTO reversals (uuid, transaction_uuid, quantity, state, created) VALUES (?, ?, ?, ?, ?)',
        randomUUID(),
        transactionUuid,
        -transaction.quantity,
        'committed',
        new Date().toISOString(),
      ),
    );
    return this.transaction(transactionUuid);
  }

  private insertTransaction(wish: Spend): SpendOutcome {
    if (!this.policy(wish.policyUuid)) return { status: 'no-such-policy' };
    const first = this.database.get('SELECT * FROM transactions WHERE idempotency_key = ?', wish.idempotencyKey);
    if (first) return this.repeated(first, wish);
    const uuid = randomUUID();
    const now = new Date().toISOString();
    this.database.run(
      `INSERT INTO transactions (uuid, idempotency_key, policy_uuid, lms_user_id, content_key, quantity, unit, state,
         fence_resource, fencing_token, metadata, created, modified)
       VALUES (?, ?, ?, ?, ?, ?, 'USD_CENTS', 'committed', ?, ?, ?, ?, ?)`,
      uuid,
      wish.idempotencyKey,
      wish.policyUuid,
      wish.lmsUserId,
      wish.contentKey,
      wish.quantity,
      wish.fence.resource,
      wish.fence.token,
      JSON.stringify(wish.metadata),
      now,
      now,
    );
    return { status: 'committed', transaction: this.transaction(uuid) as TransactionRecord };
  }

  /** The same wish is answered with the first transaction; a key used for another wish is a mistake of the caller. */
  private repeated(first: Row, wish: Spend): SpendOutcome {
    const same =
      first['policy_uuid'] === wish.policyUuid &&
      first['lms_user_id'] === wish.lmsUserId &&
      first['content_key'] === wish.contentKey;
    if (!same) return { status: 'refused', refusal: { code: 'idempotency_key_of_another' } };
    return { status: 'repeated', transaction: this.withReversals(first) as TransactionRecord };
  }

  private withReversals(row: Row | undefined): TransactionRecord | undefined {
    if (!row) return undefined;
    const sql = 'SELECT uuid, quantity, state, created FROM reversals WHERE transaction_uuid = ?';
    return transactionRecord(row, this.database.all(sql, row['uuid'] ?? null));
  }

  private tokenOf(resource: string): number {
    return Number(this.database.get('SELECT token FROM fences WHERE resource = ?', resource)?.['token'] ?? 0);
  }

  private insertPolicy(seed: PolicySeed, conflict: '' | 'OR IGNORE'): void {
    const created = '2026-01-05T00:00:00.000Z';
    this.database.run(
      `INSERT ${conflict} INTO policies (uuid, name, customer_uuid, catalog_uuid, active, spend_limit_cents,
         per_learner_limit_cents, created, modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      seed.uuid,
      seed.name,
      seed.customerUuid,
      seed.catalogUuid,
      seed.active ? 1 : 0,
      seed.spendLimitCents,
      seed.perLearnerLimitCents,
      created,
      created,
    );
  }
}
