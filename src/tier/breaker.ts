import type { Clock } from '../value/clock.js';
import { channels } from '../value/events.js';

export interface BreakerOptions {
  /** Failures in a row before calls are refused at once. Default 5. */
  readonly failures?: number;
  /** How long calls are refused before one is let through to see. Default 1 s. */
  readonly retryAfterMs?: number;
}

/** Stops asking a shard that does not answer, and lets one call at a time through to see whether it does again. */
export class Breaker {
  private failuresInRow = 0;
  private refusedUntil = 0;
  private probing = false;
  private readonly maxFailures: number;
  private readonly retryAfterMs: number;

  constructor(
    private readonly shard: string,
    private readonly clock: Clock,
    { failures = 5, retryAfterMs = 1_000 }: BreakerOptions = {},
  ) {
    this.maxFailures = failures;
    this.retryAfterMs = retryAfterMs;
  }

  get isOpen(): boolean {
    return this.failuresInRow >= this.maxFailures;
  }

  /** Whether a call may go ahead. One that may must report `succeeded` or `failed`. */
  admits(): boolean {
    if (!this.isOpen) return true;
    if (this.probing || this.clock.monotonic() < this.refusedUntil) return false;
    this.probing = true;
    return true;
  }

  succeeded(): void {
    const wasOpen = this.isOpen;
    this.failuresInRow = 0;
    this.probing = false;
    if (wasOpen) this.announce('closed');
  }

  failed(): void {
    const wasOpen = this.isOpen;
    this.failuresInRow++;
    this.probing = false;
    if (!this.isOpen) return;
    this.refusedUntil = this.clock.monotonic() + this.retryAfterMs;
    if (!wasOpen) this.announce('opened');
  }

  private announce(state: 'opened' | 'closed'): void {
    if (channels.breaker.hasSubscribers) channels.breaker.publish({ shard: this.shard, state });
  }
}
