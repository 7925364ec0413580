import { Injectable, NotFoundException } from '@nestjs/common';
import { RequestCache, versionedKey } from 'nestjs-tiered-cache';
import { LedgerClient } from '../clients/ledger.client.js';
import type { Policy } from '../clients/ledger.client.js';

/** Policies as one request sees them: read once from the ledger, the same to the end of the request, and never kept beyond. */
@Injectable()
export class PoliciesService {
  constructor(
    private readonly requestCache: RequestCache,
    private readonly ledger: LedgerClient,
  ) {}

  /** @throws NotFoundException */
  async policy(uuid: string): Promise<Policy> {
    const policies = this.requestCache.namespace('policies');
    const key = versionedKey('policy', uuid);
    const known = policies.get<Policy>(key);
    if (known) return known;
    const policy = await this.ledger.policy(uuid);
    if (!policy) throw new NotFoundException({ detail: 'No such policy.' });
    return policies.setDefault(key, policy);
  }
}
