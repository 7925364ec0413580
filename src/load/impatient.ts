import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { LoadTimeoutError } from '../value/errors.js';

/** What tells how long a caller waits. */
export interface Impatient {
  readonly policy: Pick<EntryPolicy, 'signal' | 'hardMs' | 'maxLoadMs'>;
  /** When the caller asked, by the monotonic clock, where its time has begun before this. Default: now. */
  readonly askedAt?: number | undefined;
}

/** Whether the caller may not wait to the end of a load. */
export function mayLeave({ policy, askedAt }: Impatient): boolean {
  return policy.signal !== undefined || policy.hardMs < policy.maxLoadMs || askedAt !== undefined;
}

/** How long a caller waits for a flight. */
export interface Patience {
  readonly hardMs: number;
  readonly signal: AbortSignal | undefined;
  /** Which option says so. Default: `timeout.hard`. */
  readonly limit?: LoadTimeoutError['limit'];
  /** When a caller that asks once more asked first, by the monotonic clock. Default: now. */
  readonly askedAt?: number | undefined;
}
