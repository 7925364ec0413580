import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { feedName } from '../coherence/coherence.js';
import type { InvalidatedNames } from '../coherence/invalidated-names.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { Key } from '../key/key.js';
import { channels } from '../value/events.js';
import { lastingText } from '../value/lasting-text.js';
import { setNewest } from '../value/set-newest.js';

interface Failure {
  readonly error: unknown;
  /** On the monotonic clock. */
  readonly until: number;
  readonly position: number;
  /** The store could not be asked: what it holds is served as soon as it can. */
  readonly isUnasked: boolean;
}

/** More keys than this fail at a time only where the whole source does: the oldest are forgotten. */
const maxFailures = 1_000;

/** Errors of loads that failed a moment ago: who asks again is answered with the same, instead of waiting for a lease that is held back. */
export class FailedLoads {
  private readonly failures = new Map<string, Failure>();

  constructor(
    private readonly clock: { monotonic(): number },
    private readonly names: InvalidatedNames,
  ) {}

  /** How many are remembered. What is over goes in the order in which it came: none is remembered for longer than the longest `failureHold`. */
  get size(): number {
    if (this.failures.size === 0) return 0;
    const now = this.clock.monotonic();
    for (const [slot, { until }] of this.failures) {
      if (now < until) break;
      this.failures.delete(slot);
    }
    return this.failures.size;
  }

  note<V>(key: Key, policy: EntryPolicy<V>, error: unknown, position: number, isUnasked: boolean): void {
    const { failureHoldMs, requestOnly } = policy;
    if (failureHoldMs <= 0 || requestOnly) return;
    const failure = { error, until: this.clock.monotonic() + failureHoldMs, position, isUnasked };
    setNewest(this.failures, maxFailures, lastingText(slotOf(key, policy)), failure);
  }

  /** An invalidation since then is a reason to ask the source again. */
  of<V>(key: Key, policy: EntryPolicy<V>): Failure | undefined {
    if (this.size === 0) return undefined;
    const slot = slotOf(key, policy);
    const failure = this.failures.get(slot);
    if (!failure) return undefined;
    const isOver = this.clock.monotonic() >= failure.until;
    const isNamed = [feedName(key.text), ...policy.tags.map(tagName)].some((one) =>
      this.names.namedSince(one, failure.position),
    );
    if (!isOver && !isNamed) return failure;
    this.failures.delete(slot);
    return undefined;
  }
}

/** The error that a look-up is answered with, told as a miss. */
export function heldError(cache: string, { text }: Key, { error }: Pick<Failure, 'error'>): unknown {
  if (channels.miss.hasSubscribers) channels.miss.publish({ cache, key: text, reason: 'failed' });
  return error;
}

function slotOf<V>(key: Key, { serving: { version } }: EntryPolicy<V>): string {
  return version === undefined ? key.id : `\0${key.text}\0${version}`;
}
