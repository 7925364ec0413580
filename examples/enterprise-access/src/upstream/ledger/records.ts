import type { Row } from './sqlite.js';

/** A policy as clients see it. Cents; `null` is no limit. */
export interface PolicyRecord {
  readonly uuid: string;
  readonly name: string;
  readonly customer_uuid: string;
  readonly catalog_uuid: string;
  readonly active: boolean;
  readonly spend_limit_cents: number | null;
  readonly per_learner_limit_cents: number | null;
  readonly spent_cents: number;
  readonly created: string;
  readonly modified: string;
}

export interface ReversalRecord {
  readonly uuid: string;
  /** Cents given back, positive. */
  readonly quantity: number;
  readonly state: 'committed';
  readonly created: string;
}

/** A transaction as clients see it. */
export interface TransactionRecord {
  readonly uuid: string;
  readonly state: 'committed';
  readonly idempotency_key: string;
  readonly lms_user_id: number;
  readonly content_key: string;
  /** Cents spent, negative. */
  readonly quantity: number;
  readonly unit: 'USD_CENTS';
  readonly subsidy_access_policy_uuid: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly created: string;
  readonly modified: string;
  readonly reversals: readonly ReversalRecord[];
}

export function policyRecord(row: Row): PolicyRecord {
  return { ...row, active: row['active'] === 1 } as unknown as PolicyRecord;
}

export function transactionRecord(row: Row, reversals: readonly Row[]): TransactionRecord {
  const { uuid, state, idempotency_key, lms_user_id, content_key, quantity, unit, policy_uuid, created, modified } =
    row;
  return {
    ...{ uuid, state, idempotency_key, lms_user_id, content_key, quantity, unit },
    subsidy_access_policy_uuid: policy_uuid,
    metadata: JSON.parse(String(row['metadata'])) as Record<string, unknown>,
    ...{ created, modified, reversals },
  } as unknown as TransactionRecord;
}
