/** Answers that come one by one, each just in time, end here. */
const deadlinesInARow = 20;

/** Commands that leave together: one clock does for all of them. */
export class Turn {
  /** Infinity: they have not left yet. A loop that is blocked between a call and its turn's end takes nothing from the deadline. */
  private writtenAt = Infinity;
  /** What the deadline of their next answer is counted from. */
  private since = Infinity;
  /** What that of all their answers is counted from: what waits behind others can't be answered. */
  private firstAt = Infinity;

  leave(now: number): void {
    this.writtenAt = this.since = this.firstAt = now;
  }

  get hasLeft(): boolean {
    return this.writtenAt !== Infinity;
  }

  /** 0 or less: an answer is overdue. */
  leftMs(now: number, deadlineMs: number): number {
    return this.since + deadlineMs - now;
  }

  /** Why there is no answer, once one is overdue. */
  reason(deadlineMs: number): string {
    if (this.since < this.lastSince(deadlineMs)) return `no answer within ${deadlineMs} ms`;
    return `not all answers came within ${deadlinesInARow * deadlineMs} ms`;
  }

  /**
   * The server goes on with what left together: it has as long for the next answer as it had for the first, but not for ever. What has waited behind that for
   * longer than a deadline begins now.
   * @param before that of what was answered last.
   */
  goOn(before: Turn, now: number, deadlineMs: number): void {
    if (!this.hasLeft) return;
    if (before !== this) {
      this.firstAt = now;
      if (now - before.writtenAt <= deadlineMs) return;
    }
    this.since = Math.min(now, this.lastSince(deadlineMs));
  }

  private lastSince(deadlineMs: number): number {
    return this.firstAt + (deadlinesInARow - 1) * deadlineMs;
  }
}
