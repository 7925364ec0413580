import { InvalidKeyError } from '../value/errors.js';
import type { Revision, StoredItem, WriteOptions, WriteOutcome } from './item.js';

/**
 * The feed of a shard is the order of the invalidations of one namespace on it. An invalidation is acknowledged only when it stands in the
 * store *and* in the feed; a reader that asks after the acknowledgement learns of it; a reader that can't know is told that there is a gap.
 *
 * Keys of the feed begin with `${name}~feed`, which no key of an entry does.
 */

/**
 * One change of an invalidation. `remove` and `advance` may be carried out more than once: where the store can't do all in one transaction,
 * they are done before the records are appended and once more after it. Between the change and its name somebody could win the new lease and
 * read a feed that does not know yet. A `write` is carried out once.
 */
export type Change =
  | { readonly remove: string }
  /** A counter grows by `by`; one that is absent is created as `seed`. */
  | { readonly advance: string; readonly by: number; readonly seed: number }
  | { readonly write: string; readonly bytes: Uint8Array; readonly options: WriteOptions };

export const keyOfChange = (change: Change): string =>
  'remove' in change ? change.remove : 'advance' in change ? change.advance : change.write;

/** What is no longer true, and what the feed is told of it. */
export interface Invalidation {
  /** Names the feed: the head of the namespace's keys, at most 150 bytes. */
  readonly feed: string;
  readonly changes: readonly Change[];
  /** Appended in this order. Each has 1 to {@link maxRecordBytes} bytes; the store doesn't look into them. None: changes alone, carried out once. */
  readonly records: readonly Uint8Array[];
  /** The key of an item whose revision the writer must know. It is asked for after the append. */
  readonly watch: string;
}

export interface Invalidated {
  /** What became of each change that was a write, in their order. */
  readonly outcomes: readonly WriteOutcome[];
  /** The revision of the watched item after the append; undefined: it is absent. */
  readonly watched: Revision | undefined;
  /** The records took several trips, between which others could learn of some without the rest. Default false. */
  readonly inParts?: boolean;
}

/** A point in the order of one feed. Marks of different lineages can't be compared. */
export interface Mark {
  /** Drawn when this part of the feed was made; lost with it. */
  readonly id: string;
  readonly number: number;
  readonly offset: number;
}

/** Why a reader can't know what came since. A label of metrics: each is a time series, so that there is no number in it. */
export type FeedGap = (typeof feedGaps)[number];
const feedGaps = [
  'the feed was lost',
  'the feed was made anew',
  'the counter was lost',
  'the counter went back',
  'too far behind',
  'a segment was lost',
  'a segment was made anew',
  'a segment is shorter than it was',
  'a segment was lost or is shorter than it was',
  'a segment is not the counter’s',
  'a record was lost',
  'records were forgotten',
  'a record that nobody has signed',
  'what was appended can’t be read',
  'other data than before is answered from',
] as const;

export const isFeedGap = (text: string | undefined): text is FeedGap => feedGaps.some((gap) => gap === text);

export interface FeedReading {
  /** Where the reader stands now; undefined: nowhere, and the next reading is a gap as well. */
  readonly mark: Mark | undefined;
  /** The records after the mark that was asked from, in order. Empty for a first reading (`since` undefined). */
  readonly records: readonly Buffer[];
  /** Why what came since can't be known: the reader drops everything that it holds of this shard, reads under way included. */
  readonly gap: FeedGap | undefined;
  /** The watched item, read in the same trip. */
  readonly watched: StoredItem | undefined;
}

/** What is asked of the feed. */
export interface FeedQuestion {
  readonly feed: string;
  /** Where the last reading ended; undefined: this is the first. */
  readonly since: Mark | undefined;
  readonly watch: string;
  /** More bytes than this behind: a gap. */
  readonly maxBehindBytes: number;
  /** Who asks, of several readers in one process: the number that it gave to `watchFeed`. Default: all are one. */
  readonly reader?: number;
}

/** More names are several records. */
export const maxRecordBytes = 4_096;

/** @throws InvalidKeyError */
export function assertRecords(records: readonly Uint8Array[]): void {
  const odd = records.find(({ length }) => length < 1 || length > maxRecordBytes);
  if (!odd) return;
  const problem = `A record of a feed has 1 to ${maxRecordBytes} bytes; this one has ${odd.length}. Split it.`;
  throw new InvalidKeyError(problem);
}
