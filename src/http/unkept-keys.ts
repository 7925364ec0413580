import type { Clock } from '../value/clock.js';
import { lastingText } from '../value/lasting-text.js';
import { setNewest } from '../value/set-newest.js';

/** What is learned anew for each key, each process and each so many milliseconds costs one run that others wait for. */
const rememberedMs = 10_000;
const maxKeys = 1_000;

/**
 * The keys whose last answer was not kept. Whoever asks for one of them has nothing to wait for: another's run would make no answer for him, and all that
 * wait for the right to make one, in all processes, would run one after the other. (Varnish calls it hit-for-miss.)
 */
export class UnkeptKeys {
  /** By key, the oldest first. */
  private readonly until = new Map<string, number>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  has(key: string): boolean {
    const until = this.until.size === 0 ? undefined : this.until.get(key);
    return until !== undefined && this.clock.monotonic() < until;
  }

  note(key: string): void {
    setNewest(this.until, maxKeys, lastingText(key), this.clock.monotonic() + rememberedMs);
  }

  forget(key: string): void {
    this.until.delete(key);
  }
}
