import type { Clock } from '../value/clock.js';
import { channels } from '../value/events.js';
import { setImmediate } from '../value/turn.js';

export interface BreakerOptions {
  /** Failures in a row before calls are refused at once. Default 5. */
  readonly failures?: number;
  /** How long calls are refused before one is let through to see. Default 1 s. */
  readonly retryAfterMs?: number;
  /** False only in tests that show what one cut connection does where each of its commands counts. Default true. */
  readonly countsTurnsOnce?: boolean;
}

/**
 * Stops asking a shard that does not answer, and lets one call at a time through to see whether it does again.
 *
 * What one cut connection takes down is one failure: all its commands fail in one turn.
 */
export class Breaker {
  private failuresInRow = 0;
  private refusedUntil = 0;
  private probing = false;
  private countedThisTurn = false;
  private readonly maxFailures: number;
  private readonly retryAfterMs: number;
  private readonly countsTurnsOnce: boolean;

  constructor(
    private readonly shard: string,
    private readonly clock: Clock,
    { failures = 5, retryAfterMs = 1_000, countsTurnsOnce = true }: BreakerOptions = {},
  ) {
    this.maxFailures = failures;
    this.retryAfterMs = retryAfterMs;
    this.countsTurnsOnce = countsTurnsOnce;
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
    this.probing = false;
    if (this.isNewFailure()) this.failuresInRow++;
    if (!this.isOpen) return;
    this.refusedUntil = this.clock.monotonic() + this.retryAfterMs;
    if (!wasOpen) this.announce('opened');
  }

  private isNewFailure(): boolean {
    if (!this.countsTurnsOnce) return true;
    if (this.countedThisTurn) return false;
    this.countedThisTurn = true;
    setImmediate(() => (this.countedThisTurn = false));
    return true;
  }

  private announce(state: 'opened' | 'closed'): void {
    if (channels.breaker.hasSubscribers) channels.breaker.publish({ shard: this.shard, state });
  }
}
