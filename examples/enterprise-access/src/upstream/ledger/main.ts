import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PolicySeed } from '../../seed/customers.js';
import type { JsonAnswer, Route } from '../http/route.js';
import { HttpProblem } from '../http/route.js';
import { runUpstream } from '../http/run-upstream.js';
import { wholeNumberFromEnv } from '../http/whole-number-from-env.js';
import { audit } from './audit.js';
import { Ledger } from './ledger.js';
import type { PolicyChange, SpendOutcome } from './ledger.js';
import { parseSpend } from './parse-spend.js';
import { refusalOf } from './refusal.js';
import { becomeSoleOwner } from './sole-owner.js';
import { Sqlite } from './sqlite.js';

const file = process.env['LEDGER_FILE'] || '.cache/enterprise-access/ledger.db';
mkdirSync(dirname(file), { recursive: true });
const owner = await becomeSoleOwner(file);
const database = new Sqlite(file);
const ledger = new Ledger(database);

const routes: Route[] = [
  route('GET', '/api/v1/policies/', () => ({ status: 200, body: { results: ledger.policies() } })),
  route('GET', '/api/v1/policies/:uuid/', ({ uuid }) => found(ledger.policy(uuid))),
  route('GET', '/api/v1/policies/:uuid/learners/:learner/', ({ uuid, learner }) => {
    const policy = ledger.policy(uuid);
    const spent = ledger.spentByLearner(uuid, numberIn(learner, 'lms_user_id'));
    return found(
      policy && { lms_user_id: Number(learner), spent_cents: spent, policy_spent_cents: policy.spent_cents },
    );
  }),
  route('GET', '/api/v1/policies/:uuid/transactions/', ({ uuid }, query) => {
    const learner = query.get('lms_user_id');
    const lmsUserId = learner === null ? undefined : numberIn(learner, 'lms_user_id');
    const results = ledger.transactions(uuid, lmsUserId, query.get('content_key') ?? undefined);
    return { status: 200, body: { count: results.length, results } };
  }),
  route('POST', '/api/v1/policies/:uuid/transactions/', ({ uuid }, _query, body) =>
    answerOf(ledger.spend(parseSpend(uuid, body))),
  ),
  route('GET', '/api/v1/transactions/:uuid/', ({ uuid }) => found(ledger.transaction(uuid))),
  route('POST', '/api/v1/transactions/:uuid/reverse/', ({ uuid }) => found(ledger.reverse(uuid))),
  steering('GET', '/audit', () => ({ status: 200, body: audit(database) })),
  steering('POST', '/admin/policies/', (_params, _query, body) => found(ledger.addPolicy(body as PolicySeed))),
  steering('PATCH', '/admin/policies/:uuid/', ({ uuid }, _query, body) => {
    try {
      return found(ledger.changePolicy(uuid, body as PolicyChange));
    } catch (error) {
      const refusal = refusalOf(error, 0);
      if (refusal) return { status: 422, body: refusal };
      throw error;
    }
  }),
];

await runUpstream({
  name: 'ledger',
  routes,
  delayMs: wholeNumberFromEnv('LEDGER_DELAY_MS', 5),
  close: () => {
    database.close();
    owner.close();
  },
});

type Handle = (params: { uuid: string; learner: string }, query: URLSearchParams, body: unknown) => JsonAnswer;

function route(method: Route['method'], path: string, handle: Handle): Route {
  const names = { uuid: '', learner: '' };
  return { method, path, handle: ({ params, query, body }) => handle({ ...names, ...params }, query, body) };
}

function steering(method: Route['method'], path: string, handle: Handle): Route {
  return { ...route(method, path, handle), steering: true };
}

function answerOf(outcome: SpendOutcome): JsonAnswer {
  switch (outcome.status) {
    case 'committed':
      return { status: 201, body: outcome.transaction };
    case 'repeated':
      return { status: 200, body: outcome.transaction };
    case 'refused':
      return { status: outcome.refusal.code === 'stale_fencing_token' ? 409 : 422, body: outcome.refusal };
    case 'no-such-policy':
      return found(undefined);
  }
}

function found(body: object | undefined): JsonAnswer {
  return body ? { status: 200, body } : { status: 404, body: { detail: 'Not found.' } };
}

function numberIn(text: string, field: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new HttpProblem(400, { detail: `${field}: give a whole number.` });
}
