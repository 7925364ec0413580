import type { Clock } from '../value/clock.js';

interface Refusal {
  readonly error: Error;
  readonly until: number;
}

const maxRefusals = 1_000;

/** Objects that are absent or denied, for a moment: so that a thousand requests for one are not a thousand requests to the store. */
export class RefusedFiles {
  private readonly refusals = new Map<string, Refusal>();

  constructor(
    private readonly clock: Clock,
    private readonly forMs: number,
  ) {}

  of(id: string): Error | undefined {
    const known = this.refusals.get(id);
    if (!known) return undefined;
    if (this.clock.monotonic() < known.until) return known.error;
    this.refusals.delete(id);
    return undefined;
  }

  remember(id: string, error: Error): void {
    const [oldest] = this.refusals.keys();
    if (this.refusals.size >= maxRefusals && oldest !== undefined) this.refusals.delete(oldest);
    this.refusals.set(id, { error, until: this.clock.monotonic() + this.forMs });
  }

  forget(id: string): void {
    this.refusals.delete(id);
  }
}
