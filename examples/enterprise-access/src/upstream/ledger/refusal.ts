/** Why a transaction was not committed. */
export type Refusal =
  | { readonly code: 'spend_limit' | 'per_learner_limit' | 'policy_inactive' | 'idempotency_key_of_another' }
  /** Somebody with a later right has written. `max_fencing_token` is the greatest that was ever accepted. */
  | { readonly code: 'stale_fencing_token'; readonly max_fencing_token: number };

/**
 * The rule of the database that an error names; `undefined`: the error is something else. This build of SQLite gives errors no codes,
 * only SQLite's messages.
 */
export function refusalOf(error: unknown, maxFencingToken: number): Refusal | undefined {
  const message = error instanceof Error ? error.message : '';
  switch (message) {
    case 'CHECK constraint failed: spend_limit':
      return { code: 'spend_limit' };
    case 'per_learner_limit':
    case 'policy_inactive':
      return { code: message };
    case 'stale_fencing_token':
      return { code: message, max_fencing_token: maxFencingToken };
    default:
      return undefined;
  }
}
