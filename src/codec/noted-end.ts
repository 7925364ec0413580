import type { Codec } from './codec.js';

/** When a copy is no longer fresh, by both clocks of this process. */
export interface CopyEnd {
  /** Epoch milliseconds. */
  readonly wall: number;
  readonly monotonic: number;
}

/** A codec whose values say to others when they end. */
export interface NotesEnd<V> extends Codec<V> {
  /** Told of each value that it has decoded for a near copy. */
  noteEnd(value: V, end: CopyEnd): void;
}

export const notesEnd = <V>(codec: Codec<V>): codec is NotesEnd<V> => 'noteEnd' in codec;
