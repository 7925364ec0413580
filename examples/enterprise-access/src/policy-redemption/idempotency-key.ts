import { createHash } from 'node:crypto';
import type { Transaction } from '../clients/ledger.client.js';

/**
 * The same for every retry of one redemption. A redemption that was reversed may be made again: the reversed transactions are a part of
 * the key.
 */
export function idempotencyKey(
  policyUuid: string,
  lmsUserId: number,
  contentKey: string,
  reversed: readonly Transaction[],
): string {
  const parts = [policyUuid, lmsUserId, contentKey, ...reversed.map(({ uuid }) => uuid)];
  return `redemption-${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}`;
}
