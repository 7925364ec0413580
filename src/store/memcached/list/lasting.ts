import type { Clock } from '../../../value/clock.js';

/** Since when something has been found to be so, each time that was looked. */
export class Lasting {
  private since = new Map<string, number>();
  private found = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly boundMs: number,
  ) {}

  /** What was not found to be so since the last call has not lasted. */
  begin(): void {
    this.since = this.found;
    this.found = new Map();
  }

  /** It is so now. True: it has been for as long as the bound. */
  readonly lasted = (what: string): boolean => {
    const now = this.clock.monotonic();
    const since = this.since.get(what) ?? now;
    this.found.set(what, since);
    return now - since >= this.boundMs;
  };
}
