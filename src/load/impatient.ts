import type { EntryPolicy } from '../catalogue/entry-policy.js';

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
