import type { Policy } from '../clients/ledger.client.js';

/**
 * What a redemption locks. A limit on the policy's sum concerns everybody who redeems under it, so the whole policy is locked; without
 * one the learner's own redemptions are enough. What a change of the policy's limits lets through meanwhile, the ledger refuses.
 */
export function redemptionLock(policy: Policy, lmsUserId: number): readonly (string | number)[] {
  const whole = ['policy_redemption', policy.uuid];
  return policy.spend_limit_cents === null ? [...whole, lmsUserId] : whole;
}
