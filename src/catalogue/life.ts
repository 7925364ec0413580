import type { KeyPart } from '../key/key-part.js';
import type { Duration } from '../value/duration.js';

/** What a life is computed from. Instants are epoch milliseconds. */
export interface LifeContext<V> {
  readonly value: V;
  /** When the load started, or the value was set. */
  readonly createdAt: number;
  /** The parameters of the key, where a key class made it. */
  readonly parameters?: Readonly<Record<string, KeyPart | undefined>>;
  /** From 0 to 1, for lives with jitter. Default: the machine's chance. */
  readonly random?: () => number;
}

/** When an entry ends. The classes of lives are made by functions such as `sinceSet('15m')` and `untilInvalidated()`. */
export interface Life<V = unknown> {
  /** For the catalogue: `15 minutes since set`. */
  readonly description: string;
  /** Until when the entry is fresh, in epoch milliseconds; Infinity: until invalidated. */
  freshUntil(context: LifeContext<V>): number;
  /** Set for lives that slide: how long the entry lives on after each use, within `freshUntil`. Needs a store that can touch. */
  readonly idle?: Duration;
  /** True where `Infinity` is meant: anywhere else it is an error, so that nothing lives forever by accident. */
  readonly endless?: boolean;
  /** The key parameters that it asks for; a key class without them is an error at its definition. */
  readonly parameters?: readonly string[];
}
