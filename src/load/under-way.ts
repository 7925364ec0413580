import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Key } from '../key/key.js';
import type { Flight, Landed } from './flight.js';

/** The flight that something has become, and how it is landed. */
export interface Landing<V> {
  readonly flight: Flight<Landed<V>>;
  readonly land: (landed: Landed<V> | Promise<Landed<V>>) => void;
}

/** A look-up under way that is no flight: it becomes one when somebody joins who needs one. */
export interface UnderWay<V = unknown> {
  readonly key: Key;
  readonly policy: EntryPolicy<V>;
  /** Among what is under way. */
  readonly slot: string;
  /** The position among invalidated names when it began. */
  readonly position: number;
  /** In epoch milliseconds, no later than it was. */
  readonly beganAt: number;
  landing: Landing<V> | undefined;
  /** The flight of the bulk that it is part of. */
  readonly carrier?: Flight | undefined;
}
