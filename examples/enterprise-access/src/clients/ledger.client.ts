import { Injectable } from '@nestjs/common';
import { Configuration } from '../configuration/configuration.js';
import { UpstreamError } from './upstream-error.js';
import { UpstreamHttp } from './upstream-http.js';

/** A policy as the ledger sends it. Cents; `null` is no limit. */
export interface Policy {
  readonly uuid: string;
  readonly catalog_uuid: string;
  readonly active: boolean;
  readonly spend_limit_cents: number | null;
  readonly per_learner_limit_cents: number | null;
}

/** Cents spent so far, reversals taken off. */
export interface Spending {
  readonly spent_cents: number;
  readonly policy_spent_cents: number;
}

/** A transaction as the ledger sends it and as clients of this service see it. */
export interface Transaction {
  readonly uuid: string;
  readonly idempotency_key: string;
  readonly reversals: readonly unknown[];
  readonly [field: string]: unknown;
}

export interface TransactionRequest {
  readonly idempotency_key: string;
  readonly lms_user_id: number;
  readonly content_key: string;
  /** Negative cents. */
  readonly quantity: number;
  readonly fence: { readonly resource: string; readonly token: number };
  readonly metadata: Readonly<Record<string, unknown>>;
}

export type CommitOutcome =
  | { readonly status: 'committed'; readonly transaction: Transaction }
  | { readonly status: 'refused'; readonly code: string }
  | { readonly status: 'stale'; readonly maxFencingToken: number };

/** The subsidy ledger, which keeps its own rules: what it refuses was not spent. */
@Injectable()
export class LedgerClient {
  private readonly http: UpstreamHttp;

  constructor({ ledgerUrl, upstreamTimeoutMs }: Configuration) {
    this.http = new UpstreamHttp('ledger', ledgerUrl, upstreamTimeoutMs);
  }

  async policy(uuid: string): Promise<Policy | undefined> {
    return this.get<Policy>(`/api/v1/policies/${uuid}/`);
  }

  async spending(policyUuid: string, lmsUserId: number, signal: AbortSignal): Promise<Spending> {
    const spending = await this.get<Spending>(`/api/v1/policies/${policyUuid}/learners/${lmsUserId}/`, signal);
    if (!spending) throw new UpstreamError('ledger', `lost the policy ${policyUuid}`);
    return spending;
  }

  /** The learner's transactions for the content, oldest first. */
  async transactions(
    policyUuid: string,
    lmsUserId: number,
    contentKey: string,
    signal: AbortSignal,
  ): Promise<readonly Transaction[]> {
    const query = `lms_user_id=${lmsUserId}&content_key=${encodeURIComponent(contentKey)}`;
    const path = `/api/v1/policies/${policyUuid}/transactions/?${query}`;
    return (await this.get<{ readonly results: Transaction[] }>(path, signal))?.results ?? [];
  }

  /** Commits once per idempotency key. It is not called off half-way: whether it arrived would be unknown. */
  async commit(policyUuid: string, request: TransactionRequest): Promise<CommitOutcome> {
    const path = `/api/v1/policies/${policyUuid}/transactions/`;
    const { status, body } = await this.http.send(path, { method: 'POST', body: request });
    if (status === 200 || status === 201) return { status: 'committed', transaction: body as Transaction };
    const { code, max_fencing_token: max } = body as { code?: string; max_fencing_token?: number };
    if (status === 409 && typeof max === 'number') return { status: 'stale', maxFencingToken: max };
    if (status === 422 && code !== undefined) return { status: 'refused', code };
    throw new UpstreamError('ledger', `answered ${status}`);
  }

  private async get<T>(path: string, signal?: AbortSignal): Promise<T | undefined> {
    const { status, body } = await this.http.send(path, { signal });
    if (status === 404) return undefined;
    if (status !== 200) throw new UpstreamError('ledger', `answered ${status}`);
    return body as T;
  }
}
