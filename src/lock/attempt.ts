import type { Moment } from './moment.js';

/** `add`: try to take it. `look`: read first, and try only if it is free. */
export type Approach = 'add' | 'look';

/** What one try comes to. `held` and `unavailable` are different answers: somebody has it; nobody can know. */
export type Attempt =
  | { readonly status: 'granted'; readonly token: string; readonly fencingToken: number; readonly validUntil: Moment }
  | Refusal;

export type Refusal =
  | { readonly status: 'held'; readonly retryAfterMs?: number }
  | { readonly status: 'unavailable'; readonly cause: unknown };
