/**
 * The ledger's rules, kept by the database itself: whatever the code around it does, a commit that breaks one is rolled back.
 *
 * - one transaction per idempotency key, one reversal per transaction: UNIQUE
 * - a policy never spends over its limit: CHECK on the running sum, which triggers keep
 * - a learner never spends over the policy's per-learner limit, an inactive policy spends nothing: triggers
 * - a fencing token is greater than every earlier one of its resource: trigger
 * - what is committed is neither changed nor removed: triggers
 *
 * Money is whole cents: a transaction's quantity is 0 or negative, a reversal's gives it back. Sums are positive: spent cents.
 */
export const schema = `
CREATE TABLE IF NOT EXISTS policies (
  uuid TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  customer_uuid TEXT NOT NULL,
  catalog_uuid TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  spend_limit_cents INTEGER CHECK (spend_limit_cents >= 0),
  per_learner_limit_cents INTEGER CHECK (per_learner_limit_cents >= 0),
  spent_cents INTEGER NOT NULL DEFAULT 0 CHECK (spent_cents >= 0),
  created TEXT NOT NULL,
  modified TEXT NOT NULL,
  CONSTRAINT spend_limit CHECK (spend_limit_cents IS NULL OR spent_cents <= spend_limit_cents)
) STRICT;

CREATE TABLE IF NOT EXISTS learner_spends (
  policy_uuid TEXT NOT NULL REFERENCES policies (uuid),
  lms_user_id INTEGER NOT NULL,
  spent_cents INTEGER NOT NULL CHECK (spent_cents >= 0),
  PRIMARY KEY (policy_uuid, lms_user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS fences (
  resource TEXT PRIMARY KEY,
  token INTEGER NOT NULL CHECK (token > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS transactions (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  idempotency_key TEXT NOT NULL UNIQUE CHECK (idempotency_key <> ''),
  policy_uuid TEXT NOT NULL REFERENCES policies (uuid),
  lms_user_id INTEGER NOT NULL,
  content_key TEXT NOT NULL CHECK (content_key <> ''),
  quantity INTEGER NOT NULL CHECK (quantity <= 0),
  unit TEXT NOT NULL CHECK (unit = 'USD_CENTS'),
  state TEXT NOT NULL CHECK (state = 'committed'),
  fence_resource TEXT NOT NULL CHECK (fence_resource <> ''),
  fencing_token INTEGER NOT NULL CHECK (fencing_token > 0),
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  created TEXT NOT NULL,
  modified TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS transactions_of_learner ON transactions (policy_uuid, lms_user_id, content_key);

CREATE TABLE IF NOT EXISTS reversals (
  uuid TEXT PRIMARY KEY,
  transaction_uuid TEXT NOT NULL UNIQUE REFERENCES transactions (uuid),
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  state TEXT NOT NULL CHECK (state = 'committed'),
  created TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS transaction_needs_active_policy BEFORE INSERT ON transactions
WHEN EXISTS (SELECT 1 FROM policies WHERE uuid = NEW.policy_uuid AND active = 0)
BEGIN SELECT RAISE(ABORT, 'policy_inactive'); END;

CREATE TRIGGER IF NOT EXISTS transaction_needs_greater_token BEFORE INSERT ON transactions
WHEN EXISTS (SELECT 1 FROM fences WHERE resource = NEW.fence_resource AND token >= NEW.fencing_token)
BEGIN SELECT RAISE(ABORT, 'stale_fencing_token'); END;

CREATE TRIGGER IF NOT EXISTS transaction_spends AFTER INSERT ON transactions
BEGIN
  INSERT INTO fences (resource, token) VALUES (NEW.fence_resource, NEW.fencing_token)
    ON CONFLICT (resource) DO UPDATE SET token = excluded.token;
  INSERT INTO learner_spends (policy_uuid, lms_user_id, spent_cents)
    VALUES (NEW.policy_uuid, NEW.lms_user_id, -NEW.quantity)
    ON CONFLICT (policy_uuid, lms_user_id) DO UPDATE SET spent_cents = spent_cents + excluded.spent_cents;
  SELECT RAISE(ABORT, 'per_learner_limit') FROM learner_spends
    JOIN policies ON policies.uuid = policy_uuid
    WHERE policy_uuid = NEW.policy_uuid AND lms_user_id = NEW.lms_user_id
      AND learner_spends.spent_cents > per_learner_limit_cents;
  UPDATE policies SET spent_cents = spent_cents - NEW.quantity WHERE uuid = NEW.policy_uuid;
END;

CREATE TRIGGER IF NOT EXISTS reversal_gives_all_back BEFORE INSERT ON reversals
WHEN NEW.quantity IS NOT (SELECT -quantity FROM transactions WHERE uuid = NEW.transaction_uuid)
BEGIN SELECT RAISE(ABORT, 'reversal_of_another_amount'); END;

CREATE TRIGGER IF NOT EXISTS reversal_gives_back AFTER INSERT ON reversals
BEGIN
  UPDATE learner_spends SET spent_cents = spent_cents - NEW.quantity
    WHERE (policy_uuid, lms_user_id) =
      (SELECT policy_uuid, lms_user_id FROM transactions WHERE uuid = NEW.transaction_uuid);
  UPDATE policies SET spent_cents = spent_cents - NEW.quantity
    WHERE uuid = (SELECT policy_uuid FROM transactions WHERE uuid = NEW.transaction_uuid);
END;

CREATE TRIGGER IF NOT EXISTS transactions_stay BEFORE UPDATE ON transactions
BEGIN SELECT RAISE(ABORT, 'transactions are never changed'); END;
CREATE TRIGGER IF NOT EXISTS transactions_last BEFORE DELETE ON transactions
BEGIN SELECT RAISE(ABORT, 'transactions are never removed'); END;
CREATE TRIGGER IF NOT EXISTS reversals_stay BEFORE UPDATE ON reversals
BEGIN SELECT RAISE(ABORT, 'reversals are never changed'); END;
CREATE TRIGGER IF NOT EXISTS reversals_last BEFORE DELETE ON reversals
BEGIN SELECT RAISE(ABORT, 'reversals are never removed'); END;
CREATE TRIGGER IF NOT EXISTS fences_grow BEFORE UPDATE ON fences WHEN NEW.token <= OLD.token
BEGIN SELECT RAISE(ABORT, 'stale_fencing_token'); END;
`;
