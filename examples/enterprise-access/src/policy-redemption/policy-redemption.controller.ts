import { Body, Controller, ForbiddenException, HttpCode, Param, Post, UseFilters } from '@nestjs/common';
import { CacheLockExceptionFilter } from 'nestjs-tiered-cache';
import { CurrentCaller } from '../auth/caller.js';
import type { Caller } from '../auth/caller.js';
import type { Transaction } from '../clients/ledger.client.js';
import { parseUuid } from '../http/bad-input.js';
import { PolicyRedemptionService } from './policy-redemption.service.js';
import { parseRedeemRequest } from './redeem-request.js';

const lockFilter = new CacheLockExceptionFilter({
  held: 'Enrollment currently locked for this subsidy access policy.',
  unavailable: 'Enrollment can not be locked at the moment; nothing was redeemed. Try again.',
  lost: 'The lock was lost on the way. Try again: what was redeemed all the same is answered, not redeemed twice.',
});

@Controller('api/v1/policy-redemption/:policy_uuid')
@UseFilters(lockFilter)
export class PolicyRedemptionController {
  constructor(private readonly redemptions: PolicyRedemptionService) {}

  @Post('redeem')
  @HttpCode(200)
  async redeem(
    @Param('policy_uuid') policyUuid: string,
    @Body() body: unknown,
    @CurrentCaller() caller: Caller,
  ): Promise<Transaction> {
    const uuid = parseUuid('policy_uuid', policyUuid);
    const request = parseRedeemRequest(body);
    if (!mayRedeemFor(caller, request.lmsUserId)) {
      throw new ForbiddenException({ detail: 'A learner may redeem for itself only.' });
    }
    return this.redemptions.redeem(uuid, request);
  }
}

function mayRedeemFor(caller: Caller, lmsUserId: number): boolean {
  return caller.isActive && (caller.isStaff || caller.lmsUserId === lmsUserId);
}
