import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Placed } from '../coherence/placed.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { Loader } from './loader.js';
import { Wanted } from './wanted.js';

/** A key that is wanted alone, on the short way: it also resolves the promise of its callers. */
export class SingleRead<V = unknown> extends Wanted<V> {
  readonly promise: Promise<V | undefined>;

  /** @param arrived in the caller's own asynchronous context, once the store has answered. */
  constructor(
    entries: StoredEntries,
    placed: Placed,
    slot: string,
    readonly loader: Loader<V>,
    policy: EntryPolicy<V>,
    position: number,
    beganAt: number,
    arrived: (read: SingleRead) => unknown,
  ) {
    super(entries, placed.key, placed.key, policy, placed, 'absent', position, beganAt, slot);
    // Settled with nothing: of an object, a promise asks for `then`, through all its classes.
    const answered = new Promise<void>((resolve) => (this.onAnswered = resolve));
    this.promise = answered.then(() => arrived(this as SingleRead)) as Promise<V | undefined>;
  }
}
