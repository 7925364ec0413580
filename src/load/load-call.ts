import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Key } from '../key/key.js';
import type { HeldTiers } from '../near/request-scope.js';
import type { Impatient } from './impatient.js';
import type { Loader } from './loader.js';

/** What one caller asks for: a key, what loads it where it is missing, and what the caller makes of it. */
export interface LoadCall<V> extends Pick<Impatient, 'askedAt'> {
  readonly key: Key;
  readonly loader: Loader<V>;
  readonly policy: EntryPolicy<V>;
  /** Since when `timeout.soft` counts, by the monotonic clock. Default: when the stale value is found. */
  readonly calledAt?: number | undefined;
  /** What the request of the caller holds: its loader may be built on that, wherever it runs. */
  readonly askedIn: HeldTiers | undefined;
}
