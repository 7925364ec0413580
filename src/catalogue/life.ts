import type { Duration } from '../value/duration.js';

/** What a life is computed from. Instants are epoch milliseconds. */
export interface LifeContext<V> {
  readonly value: V;
  /** When the load started, or the value was set. */
  readonly createdAt: number;
}

/** When an entry ends. The classes of lives are made by functions such as `sinceSet('15m')` and `untilInvalidated()`. */
export interface Life<V = unknown> {
  /** For the catalogue: `15 minutes since set`. */
  readonly description: string;
  /** Until when the entry is fresh, in epoch milliseconds; Infinity: until invalidated. */
  freshUntil(context: LifeContext<V>): number;
  /** Set for lives that slide: how long the entry lives on after each use, within `freshUntil`. Needs a store that can touch. */
  readonly idle?: Duration;
}
