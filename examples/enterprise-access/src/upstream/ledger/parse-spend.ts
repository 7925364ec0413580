import { HttpProblem } from '../http/route.js';
import type { Spend } from './ledger.js';

/** A request's body as a wish to spend. @throws HttpProblem 400 naming the field. */
export function parseSpend(policyUuid: string, body: unknown): Spend {
  const given = record(body, 'body');
  const fence = record(given['fence'], 'fence');
  return {
    policyUuid,
    idempotencyKey: text(given, 'idempotency_key'),
    lmsUserId: integer(given, 'lms_user_id', 1),
    contentKey: text(given, 'content_key'),
    quantity: integer(given, 'quantity', -Number.MAX_SAFE_INTEGER, 0),
    fence: { resource: text(fence, 'resource'), token: integer(fence, 'token', 1) },
    metadata: given['metadata'] === undefined ? {} : record(given['metadata'], 'metadata'),
  };
}

function record(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new HttpProblem(400, { detail: `${field}: give an object.` });
}

function text(given: Record<string, unknown>, field: string): string {
  const value = given[field];
  // SQLite's binding ends a text at NUL: two keys must not become one.
  if (typeof value === 'string' && /^[^\0]{1,500}$/u.test(value) && value.isWellFormed()) return value;
  throw new HttpProblem(400, { detail: `${field}: give a text of 1 to 500 characters.` });
}

function integer(given: Record<string, unknown>, field: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = given[field];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new HttpProblem(400, { detail: `${field}: give an integer of ${min} to ${max}.` });
}
