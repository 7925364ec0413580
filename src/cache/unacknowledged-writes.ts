import { channels, reportFault } from '../value/events.js';
import type { Clock, Timer } from '../value/clock.js';

/** An invalidation that the store has not acknowledged. Resolves when it has, rejects when it still can't. */
export type Resend = () => Promise<void>;

const firstDelayMs = 100;
const maxDelayMs = 2_000;

/**
 * Invalidations that were not acknowledged, the newest per name, sent again until they are. While a key is in here this process reads
 * it from its source: what the store holds is known to be outdated.
 */
export class UnacknowledgedWrites {
  private readonly resends = new Map<string, { readonly key: string; readonly resend: Resend }>();
  private readonly underWay = new Map<string, Promise<boolean>>();
  /** How many writes of a name hold it back. */
  private readonly held = new Map<string, number>();
  private timer: Timer | undefined;
  private delayMs = firstDelayMs;
  private closed = false;

  constructor(
    private readonly cache: string,
    private readonly clock: Clock,
    private readonly maxWrites = 10_000,
  ) {}

  /** One look-up in an empty map, nearly always. */
  has(name: string): boolean {
    return this.resends.size > 0 && this.resends.has(name);
  }

  get size(): number {
    return this.resends.size;
  }

  add(name: string, key: string, resend: Resend): void {
    this.resends.delete(name);
    this.resends.set(name, { key, resend });
    reportFault({
      source: this.cache,
      kind: 'write-unacknowledged',
      message: 'An invalidation will be sent again.',
      key,
    });
    if (this.resends.size > this.maxWrites) this.giveUpOldest();
    this.schedule();
  }

  /** A later write of the same name was acknowledged: nothing is left to say. */
  settle(name: string): void {
    this.resends.delete(name);
  }

  /**
   * For a write of these names that is about to be sent: nothing of theirs is sent until the returned function is called.
   *
   * 1. `set(k)` was not acknowledged, and the removal of k waits here; 2. the store answers again, and `set(k)` is sent once more; 3. the removal
   * is sent; 4. the store writes k, then removes it; 5. `set(k)` resolves to true, and there is no k.
   */
  async hold(names: readonly string[]): Promise<() => void> {
    for (const name of names) this.held.set(name, (this.held.get(name) ?? 0) + 1);
    await Promise.all(names.flatMap((name) => this.underWay.get(name) ?? []));
    return () => {
      for (const name of names) {
        const others = (this.held.get(name) ?? 1) - 1;
        if (others > 0) this.held.set(name, others);
        else this.held.delete(name);
      }
    };
  }

  /** Sends everything once more; what can't be acknowledged now is given up and said. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.sendAll();
    while (this.resends.size > 0) this.giveUpOldest();
  }

  private schedule(): void {
    if (this.closed || this.timer || this.resends.size === 0) return;
    this.timer = this.clock.after(this.delayMs, () => {
      this.timer = undefined;
      void this.sendAll().then(() => this.schedule());
    });
  }

  private async sendAll(): Promise<void> {
    const sent = [...this.resends].filter(([name]) => !this.held.has(name));
    const outcomes = await Promise.all(sent.map(([name, { resend }]) => this.send(name, resend)));
    this.delayMs = outcomes.every(Boolean) ? firstDelayMs : Math.min(this.delayMs * 2, maxDelayMs);
  }

  private send(name: string, resend: Resend): Promise<boolean> {
    const sending = this.acknowledged(name, resend).finally(() => this.underWay.delete(name));
    this.underWay.set(name, sending);
    return sending;
  }

  private async acknowledged(name: string, resend: Resend): Promise<boolean> {
    try {
      await resend();
    } catch {
      return false; // the store has reported its own fault
    }
    // A newer write of the same name, added while this one was on its way, stays.
    if (this.resends.get(name)?.resend === resend) this.resends.delete(name);
    return true;
  }

  private giveUpOldest(): void {
    for (const [name, { key }] of this.resends) {
      this.resends.delete(name);
      if (channels.writeGivenUp.hasSubscribers) {
        channels.writeGivenUp.publish({ cache: this.cache, key, reason: this.closed ? 'closed' : 'too many wait' });
      }
      return;
    }
  }
}
