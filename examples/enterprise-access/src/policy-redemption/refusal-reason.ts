import { UnprocessableEntityException } from '@nestjs/common';
import type { Policy, Spending } from '../clients/ledger.client.js';

const messages = {
  policy_inactive: 'This policy is not active.',
  content_not_in_catalog: 'This content is not in the catalog of the policy.',
  content_without_price: 'This content has no price.',
  policy_spend_limit_reached: 'The spend limit of the policy does not allow this price any more.',
  learner_max_spend_reached: 'The per-learner limit of the policy does not allow this price any more.',
} as const;

export type RefusalReason = keyof typeof messages;

/** 422: not redeemable, and why. Nothing was redeemed. */
export class NotRedeemable extends UnprocessableEntityException {
  constructor(policyUuid: string, reasons: readonly RefusalReason[]) {
    super({
      detail: reasons.map((reason) => messages[reason]).join(' '),
      reasons: reasons.map((reason) => ({ reason, user_message: messages[reason], policy_uuids: [policyUuid] })),
    });
  }
}

/** Which limits the price would break. */
export function brokenLimits(policy: Policy, spending: Spending, priceCents: number): RefusalReason[] {
  const reasons: RefusalReason[] = [];
  const { spend_limit_cents: spendLimit, per_learner_limit_cents: learnerLimit } = policy;
  if (spendLimit !== null && spending.policy_spent_cents + priceCents > spendLimit) {
    reasons.push('policy_spend_limit_reached');
  }
  if (learnerLimit !== null && spending.spent_cents + priceCents > learnerLimit) {
    reasons.push('learner_max_spend_reached');
  }
  return reasons;
}

/** What the ledger's codes mean to clients; `undefined`: nothing that they could do something about. */
export function reasonOfLedger(code: string): RefusalReason | undefined {
  switch (code) {
    case 'spend_limit':
      return 'policy_spend_limit_reached';
    case 'per_learner_limit':
      return 'learner_max_spend_reached';
    case 'policy_inactive':
      return 'policy_inactive';
    default:
      return undefined;
  }
}
