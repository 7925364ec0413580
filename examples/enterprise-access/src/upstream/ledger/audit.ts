import type { Sqlite } from './sqlite.js';

export interface AuditReport {
  /** What is wrong, in words; empty: the books are in order. */
  readonly violations: readonly string[];
  readonly policies: number;
  readonly transactions: number;
  readonly reversals: number;
  /** Cents spent in all, reversals taken off. */
  readonly spent_cents: number;
}

/** Queries that find rows only where the books are wrong. They count from the transactions, not from the sums that triggers keep. */
const wrongs: Readonly<Record<string, string>> = {
  'spent over its limit': `SELECT uuid FROM policies JOIN spends ON policy_uuid = uuid
    WHERE counted_cents > spend_limit_cents`,
  'learner over the per-learner limit': `SELECT policy_uuid || ' learner ' || lms_user_id AS uuid FROM learner_counts
    JOIN policies ON policies.uuid = policy_uuid WHERE counted_cents > per_learner_limit_cents`,
  'two transactions of one idempotency key': `SELECT idempotency_key AS uuid FROM transactions
    GROUP BY idempotency_key HAVING count(*) > 1`,
  "policy's sum is not that of its transactions": `SELECT uuid FROM policies LEFT JOIN spends ON policy_uuid = uuid
    WHERE spent_cents <> coalesce(counted_cents, 0)`,
  "learner's sum is not that of the transactions": `SELECT c.policy_uuid || ' learner ' || c.lms_user_id AS uuid
    FROM learner_counts AS c LEFT JOIN learner_spends USING (policy_uuid, lms_user_id)
    WHERE spent_cents IS NOT counted_cents`,
  'reversal gives back another amount': `SELECT reversals.uuid FROM reversals
    LEFT JOIN transactions ON transactions.uuid = transaction_uuid WHERE reversals.quantity IS NOT -transactions.quantity`,
  'fencing token not greater than the one before': `SELECT uuid FROM (SELECT uuid, fencing_token,
      lag(fencing_token) OVER (PARTITION BY fence_resource ORDER BY sequence) AS earlier FROM transactions)
    WHERE fencing_token <= earlier`,
  'fence is not the greatest token accepted': `SELECT resource AS uuid FROM fences
    WHERE token IS NOT (SELECT max(fencing_token) FROM transactions WHERE fence_resource = resource)`,
  'reference to nothing': `SELECT "table" || ' row ' || coalesce(rowid, '?') AS uuid FROM pragma_foreign_key_check`,
  'file is damaged': `SELECT integrity_check AS uuid FROM pragma_integrity_check WHERE integrity_check <> 'ok'`,
};

const counts = `WITH counted AS (
    SELECT policy_uuid, lms_user_id, -transactions.quantity - coalesce(reversals.quantity, 0) AS cents
    FROM transactions LEFT JOIN reversals ON transaction_uuid = transactions.uuid),
  spends AS (SELECT policy_uuid, sum(cents) AS counted_cents FROM counted GROUP BY policy_uuid),
  learner_counts AS (SELECT policy_uuid, lms_user_id, sum(cents) AS counted_cents FROM counted
    GROUP BY policy_uuid, lms_user_id)`;

/** Recounts the books. */
export function audit(database: Sqlite): AuditReport {
  const violations = Object.entries(wrongs).flatMap(([wrong, query]) =>
    database.all(`${counts} ${query}`).map(({ uuid }) => `${wrong}: ${uuid}`),
  );
  const count = (expression: string): number => Number(database.get(`${counts} SELECT ${expression} AS n`)?.['n'] ?? 0);
  return {
    violations,
    policies: count('(SELECT count(*) FROM policies)'),
    transactions: count('(SELECT count(*) FROM transactions)'),
    reversals: count('(SELECT count(*) FROM reversals)'),
    spent_cents: count('(SELECT coalesce(sum(cents), 0) FROM counted)'),
  };
}
