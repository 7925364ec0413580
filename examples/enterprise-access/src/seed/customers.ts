import { uuidV5 } from './uuid-v5.js';

/** What the course data lacks and a demonstration needs: who buys, from which catalogs, under which policies. */
export interface EnterpriseCustomer {
  readonly uuid: string;
  readonly name: string;
}

/** Which courses a catalog holds: all, those of some subjects, or one in `n` by a hash of the slug. */
export type CatalogRule = { readonly subjects: readonly string[] } | { readonly oneIn: number };

export interface EnterpriseCatalog {
  readonly uuid: string;
  readonly title: string;
  readonly customerUuid: string;
  readonly rule: CatalogRule;
  /** When its content last changed, before anybody bumps it. */
  readonly modifiedAt: string;
}

/** Limits are in cents; `null` is no limit. */
export interface PolicySeed {
  readonly uuid: string;
  readonly name: string;
  readonly customerUuid: string;
  readonly catalogUuid: string;
  readonly active: boolean;
  readonly spendLimitCents: number | null;
  readonly perLearnerLimitCents: number | null;
}

const customer = (name: string): EnterpriseCustomer => ({ uuid: uuidV5(`customer:${name}`), name });

export const northwind = customer('Northwind Learning');
export const contoso = customer('Contoso Academy');
export const fabrikam = customer('Fabrikam School of Business');
export const customers: readonly EnterpriseCustomer[] = [northwind, contoso, fabrikam];

function catalog(owner: EnterpriseCustomer, title: string, rule: CatalogRule, modifiedAt: string): EnterpriseCatalog {
  return { uuid: uuidV5(`catalog:${owner.name}:${title}`), title, customerUuid: owner.uuid, rule, modifiedAt };
}

export const everything = catalog(northwind, 'Everything', { oneIn: 1 }, '2026-01-12T04:00:00.000Z');
export const computing = catalog(
  contoso,
  'Computing and data',
  { subjects: ['Computer Science', 'Data Analysis & Statistics', 'Engineering', 'Electronics', 'Math'] },
  '2026-01-10T04:00:00.000Z',
);
export const sample = catalog(contoso, 'A third of everything', { oneIn: 3 }, '2026-01-08T04:00:00.000Z');
export const business = catalog(
  fabrikam,
  'Business',
  { subjects: ['Business & Management', 'Economics & Finance', 'Communication', 'Law', 'Ethics'] },
  '2026-01-11T04:00:00.000Z',
);
export const catalogs: readonly EnterpriseCatalog[] = [everything, computing, sample, business];

function policy(
  source: EnterpriseCatalog,
  name: string,
  limits: { spend?: number; perLearner?: number; active?: boolean },
): PolicySeed {
  return {
    uuid: uuidV5(`policy:${name}`),
    name,
    customerUuid: source.customerUuid,
    catalogUuid: source.uuid,
    active: limits.active ?? true,
    spendLimitCents: limits.spend ?? null,
    perLearnerLimitCents: limits.perLearner ?? null,
  };
}

export const policies = {
  spendLimit: policy(everything, 'Spend limit', { spend: 50_000_000 }),
  perLearner: policy(computing, 'Per-learner limit', { perLearner: 100_000 }),
  both: policy(business, 'Spend limit and per-learner limit', { spend: 10_000_000, perLearner: 60_000 }),
  unlimited: policy(sample, 'No limit', {}),
  inactive: policy(everything, 'Inactive', { spend: 1_000_000, active: false }),
} as const satisfies Record<string, PolicySeed>;
