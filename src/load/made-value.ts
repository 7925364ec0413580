import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { LoadStart } from './load-start.js';
import type { Wanted } from './wanted.js';

/** A value as its loader gave it. */
export interface Loaded<V> {
  readonly one: Wanted<V>;
  /** Undefined: there is none. */
  readonly value: V | undefined;
  readonly start: LoadStart;
}

/** A loaded value, encoded and dated. */
export interface MadeValue<V> {
  readonly key: Key;
  readonly head: EnvelopeHead;
  readonly payload: Uint8Array;
  readonly start: LoadStart;
  readonly policy: EntryPolicy<V>;
  /** The generations of all its tags are known: else it is not stored. */
  readonly isTagged: boolean;
}

/** The same with the copy that its callers are given. */
export interface CopiedValue<V> extends MadeValue<V> {
  readonly copy: NearCopy<V>;
}
