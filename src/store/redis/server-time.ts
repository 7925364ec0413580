import type { Clock } from '../../value/clock.js';
import { driftPerMs } from '../../value/drift-per-ms.js';

/** One reading of a server's clock. */
export interface TimeSample {
  /** What it said, in epoch ms. */
  readonly serverMs: number;
  /** When it was asked and when it had answered, on this process's monotonic clock. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

/**
 * A server's clock as this process knows it: all processes date what they write by it, so that no host's wall clock decides how old an item is. It was
 * read somewhere between the question and the answer; the quickest answer says best.
 */
export class ServerTime {
  /** The server's clock less the monotonic one, and how far that may be off. */
  private best: { readonly offsetMs: number; readonly errorMs: number; readonly at: number } | undefined;

  constructor(private readonly clock: Clock) {}

  /** Another server answers, whose clock is another one. */
  forget(): void {
    this.best = undefined;
  }

  note({ serverMs, sentAt, receivedAt }: TimeSample): void {
    const errorMs = (receivedAt - sentAt) / 2;
    const offsetMs = serverMs - (sentAt + receivedAt) / 2;
    const present = this.best;
    if (present) {
      const presentErrorMs = present.errorMs + (receivedAt - present.at) * driftPerMs;
      // Further apart than both can be off: somebody has set the server's clock.
      const wasSet = Math.abs(offsetMs - present.offsetMs) > errorMs + presentErrorMs + 1;
      if (errorMs > presentErrorMs && !wasSet) return;
    }
    this.best = { offsetMs, errorMs, at: receivedAt };
  }

  /** Epoch ms by the server's clock, to within half of the quickest answer; undefined: it was never read. */
  now(): number | undefined {
    return this.best && this.clock.monotonic() + this.best.offsetMs;
  }

  /** How long ago that was, a millisecond less for what clocks are off. Undefined: nobody knows. @param now what `now` said a moment ago. */
  ageMs(writtenAt: number | undefined, now = this.now()): number | undefined {
    return now === undefined || writtenAt === undefined ? undefined : Math.max(0, now - writtenAt - 1);
  }
}
