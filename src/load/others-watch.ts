import type { Placed } from '../coherence/placed.js';
import type { CacheClock } from '../value/cache-clock.js';

/** Waiting for somebody else's load: asked again after a time that grows, and is drawn so that waiters don't come in step. */
const firstPauseMs = 20;
const longestPauseMs = 250;
/** A bulk that waits for more keys looks at intervals, which costs one command for all of them. */
const maxWatched = 64;

/**
 * The pauses of a fill that waits for what others load. Where the store can push, a fill elsewhere ends the pause, and the intervals are there for
 * wake-ups that are lost.
 */
export class OthersWatch {
  private readonly stops: (() => void)[] = [];
  private readonly isPushed: boolean;
  private pauseMs: number;
  /** Aborted by a fill elsewhere, also between two pauses: then the next one is over at once. */
  private woken = new AbortController();

  constructor(
    places: readonly Placed[],
    private readonly clock: CacheClock,
    private readonly random: () => number,
  ) {
    this.isPushed = places.length <= maxWatched && places.every(({ shard }) => shard.watchItem !== undefined);
    this.pauseMs = this.isPushed ? longestPauseMs : firstPauseMs;
    if (!this.isPushed) return;
    for (const { shard, storeKey } of places) {
      const stop = shard.watchItem?.(storeKey, () => this.woken.abort());
      if (stop) this.stops.push(stop);
    }
  }

  /** Until it is time to ask again, no longer than that. @throws the signal's reason */
  async pause(signal: AbortSignal, longestMs: number): Promise<void> {
    if (!this.woken.signal.aborted) {
      const either = AbortSignal.any([signal, this.woken.signal]);
      await this.clock.sleep(Math.min(this.pauseMs * (0.5 + this.random()), longestMs), either);
      this.pauseMs = Math.min(this.pauseMs * 1.5, longestPauseMs);
    }
    this.woken = new AbortController();
    signal.throwIfAborted();
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }
}
