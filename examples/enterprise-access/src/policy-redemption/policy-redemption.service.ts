import { Injectable } from '@nestjs/common';
import { CacheLock, LeaseLostError, StoreUnavailableError } from 'nestjs-tiered-cache';
import type { Lease } from 'nestjs-tiered-cache';
import { LedgerClient } from '../clients/ledger.client.js';
import type { CommitOutcome, Policy, Transaction, TransactionRequest } from '../clients/ledger.client.js';
import { UpstreamError } from '../clients/upstream-error.js';
import { Configuration } from '../configuration/configuration.js';
import { ContentMetadataService } from '../content-metadata/content-metadata.service.js';
import { idempotencyKey } from './idempotency-key.js';
import { PoliciesService } from './policies.service.js';
import type { RedeemRequest } from './redeem-request.js';
import { redemptionLock } from './redemption-lock.js';
import { NotRedeemable, brokenLimits, reasonOfLedger } from './refusal-reason.js';
import type { RefusalReason } from './refusal-reason.js';

type Wish = Omit<TransactionRequest, 'fence'>;

/**
 * Spends a policy's money on content for a learner: under a lock, once per learner and content, and never over a limit.
 *
 * `CacheLock.using` and not `@WithLock`, since what is locked and for how long to wait are known at the call only.
 */
@Injectable()
export class PolicyRedemptionService {
  constructor(
    private readonly policies: PoliciesService,
    private readonly contents: ContentMetadataService,
    private readonly ledger: LedgerClient,
    private readonly lock: CacheLock,
    private readonly configuration: Configuration,
  ) {}

  /**
   * The transaction: a new one, or the first when this was redeemed before.
   *
   * @throws NotRedeemable, NotFoundException; LockHeldError, LockUnavailableError, LeaseLostError; UpstreamError.
   */
  async redeem(policyUuid: string, request: RedeemRequest): Promise<Transaction> {
    const policy = await this.policies.policy(policyUuid);
    const { redemptionLockTtlMs: ttl, redemptionLockWaitMs: wait } = this.configuration;
    const resource = redemptionLock(policy, request.lmsUserId);
    return this.lock.using(resource, { ttl, wait }, (lease) => this.redeemLocked(policy, request, lease));
  }

  private async redeemLocked(policy: Policy, request: RedeemRequest, lease: Lease): Promise<Transaction> {
    const { lmsUserId, contentKey, metadata } = request;
    const earlier = await this.ledger.transactions(policy.uuid, lmsUserId, contentKey, lease.signal);
    const standing = earlier.find(({ reversals }) => reversals.length === 0);
    if (standing) return standing;

    const priceCents = await this.redeemablePrice(policy, request, lease.signal);
    const outcome = await this.commit(policy, lease, {
      idempotency_key: idempotencyKey(policy.uuid, lmsUserId, contentKey, earlier),
      lms_user_id: lmsUserId,
      content_key: contentKey,
      quantity: -priceCents,
      metadata,
    });
    if (outcome.status === 'committed') return outcome.transaction;
    if (outcome.status === 'stale') throw new LeaseLostError(lease.resource, 'taken');
    const reason = reasonOfLedger(outcome.code);
    if (!reason) throw new UpstreamError('ledger', `refused: ${outcome.code}`);
    throw new NotRedeemable(policy.uuid, [reason]);
  }

  /**
   * Commits with the lease's fencing token. When the ledger has seen a greater one, either somebody else has the lock by now, or the
   * counter was lost and began again below: only who still owns the lock draws a greater token, and tries once more.
   */
  private async commit(policy: Policy, lease: Lease, wish: Wish): Promise<CommitOutcome> {
    lease.throwIfLost();
    const fenced = (): Promise<CommitOutcome> =>
      this.ledger.commit(policy.uuid, { ...wish, fence: { resource: lease.resource, token: lease.fencingToken } });
    const outcome = await fenced();
    if (outcome.status !== 'stale') return outcome;
    if (!(await lease.renew())) throw lost(lease);
    await lease.raiseFencingToken(outcome.maxFencingToken).catch((error: unknown) => {
      throw error instanceof StoreUnavailableError ? lost(lease) : error;
    });
    return fenced();
  }

  /** Cents, if everything allows the redemption. @throws NotRedeemable with all reasons that are known. */
  private async redeemablePrice(policy: Policy, request: RedeemRequest, signal: AbortSignal): Promise<number> {
    const [spending, { results }] = await Promise.all([
      this.ledger.spending(policy.uuid, request.lmsUserId, signal),
      this.contents.ofCatalog(policy.catalog_uuid, [request.contentKey]),
    ]);
    const reasons: RefusalReason[] = policy.active ? [] : ['policy_inactive'];
    const [content] = results;
    const priceCents = content?.content_price_cents;
    if (!content) reasons.push('content_not_in_catalog');
    else if (priceCents === undefined) reasons.push('content_without_price');
    reasons.push(...brokenLimits(policy, spending, priceCents ?? 0));
    if (reasons.length > 0) throw new NotRedeemable(policy.uuid, reasons);
    return priceCents as number;
  }
}

/** What the lease says of its loss; a store that can't be reached says nothing. */
function lost(lease: Lease): unknown {
  return lease.signal.aborted ? lease.signal.reason : new LeaseLostError(lease.resource, 'unreachable');
}
