import type { Clock, Timer } from '../value/clock.js';

/** How long after the limit a byte may still be found waiting in this process: a loop that was busy has not read what has come. */
const graceMs = 50;

/** Tells when somebody who is asked has said nothing for a while. Time during which nobody asks does not count. */
export class StallTimer {
  private timer: Timer | undefined;
  private heardAt = 0;
  private asking = false;

  /** @param limitMs of silence. More than 0. */
  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
    private readonly onStall: () => void,
  ) {}

  /** From now on an answer is wanted. Does nothing while one is wanted already. */
  ask(): void {
    if (this.asking) return;
    this.asking = true;
    this.heardAt = this.clock.monotonic();
    this.timer ??= this.clock.after(this.limitMs, () => this.look());
  }

  /** Something was heard, and more is wanted. */
  hear(): void {
    this.heardAt = this.clock.monotonic();
  }

  /** Nothing is wanted for now. */
  rest(): void {
    this.asking = false;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private look(): void {
    const leftMs = this.heardAt + this.limitMs - this.clock.monotonic();
    this.timer =
      leftMs > 0 ? this.clock.after(leftMs, () => this.look()) : this.clock.after(graceMs, () => this.decide());
  }

  /** Between {@link look} and this the loop has read what there was to read. */
  private decide(): void {
    this.timer = undefined;
    const silentMs = this.clock.monotonic() - this.heardAt;
    if (silentMs >= this.limitMs) this.onStall();
    else this.timer = this.clock.after(this.limitMs - silentMs, () => this.look());
  }
}
