import type { NewEntry } from '../near/new-entries.js';
import type { LoadStart } from './load-start.js';
import type { Wanted } from './wanted.js';

/** A key whose load has begun. */
export interface Begun<V> {
  readonly one: Wanted<V>;
  readonly start: LoadStart;
}

/** The same with the value that its loader gave. */
export interface Loaded<V> extends Begun<V> {
  /** Undefined: there is none. */
  readonly value: V | undefined;
}

/** The same, encoded and dated. */
export interface MadeValue<V> extends Begun<V>, NewEntry<V> {
  /** The generations of all its tags are known: else it is not stored. */
  readonly isTagged: boolean;
}
