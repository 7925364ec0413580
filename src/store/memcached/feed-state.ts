import type { Clock } from '../../value/clock.js';
import { encodePlace } from './feed-place.js';
import type { Place } from './feed-place.js';
import { encodeSegmentHead } from './feed-segment.js';
import type { Command } from './conversation.js';

/** A segment as it was last read, so that one of the same revision need not be read again. */
export interface SeenSegment extends Place {
  readonly session: number;
  readonly revision: number;
}

export interface FeedTuning {
  /** A longer segment is followed by another. */
  readonly segmentBytes: number;
  /** No segment is followed by another sooner after it was made, unless it is sixteen times as long as it should be. */
  readonly leastLifeMs: number;
  readonly clock: Clock;
  /** Letters, digits, `-` and `_`, never the same twice. */
  readonly drawId: () => string;
  /** Whether a segment's id is compared with the counter's. False only for a negative control. */
  readonly comparesIds: boolean;
  /** Whether each segment must name the one before it. False only for a negative control. */
  readonly comparesChain: boolean;
}

/** Readers that are further behind have a gap; what they would have needed goes. */
const keptBytes = 5 * 2 ** 20;
/** Segments that go at a time, at most: they may have grown, so that fewer are kept. */
const goneAtOnce = 32;
/** Segments whose lengths are asked for whenever one is followed by another. */
const measuredAtOnce = 16;
/** Segments whose lengths are looked at. */
const maxCounted = 1_000;
const retiredLifeSeconds = 3_600;
const longest = 16;

/** One feed, as this process knows it: what may be out of date, and the commands that are sent for it. */
export class FeedState {
  /** What the counter held when it was last seen. */
  place: Place | undefined;
  seen: SeenSegment | undefined;
  private movedAt = -Infinity;
  /** Of segments that were found to be full, and then as they were when others had followed them. */
  private readonly lengths = new Map<number, number>();
  /** Up to here they are gone, as far as it was for this process to do. */
  private goneUpTo: number | undefined;

  constructor(
    private readonly feed: string,
    readonly tuning: FeedTuning,
  ) {}

  get comparesIds(): boolean {
    return this.tuning.comparesIds;
  }

  learn(place: Place | undefined): void {
    if (place && place.number !== this.place?.number) this.movedAt = this.tuning.clock.monotonic();
    this.place = place;
  }

  /** Whether a segment of so many bytes is to be followed by another. */
  isFull(bytes: number, itemSizeMax: number): boolean {
    const { segmentBytes, leastLifeMs, clock } = this.tuning;
    const bound = Math.min(segmentBytes, itemSizeMax / 4);
    if (bytes < bound) return false;
    if (this.place) this.lengths.set(this.place.number, bytes);
    return (
      bytes >= Math.min(longest * segmentBytes, itemSizeMax / 2) || clock.monotonic() - this.movedAt >= leastLifeMs
    );
  }

  readCounter(): Command {
    return { line: `mg ${this.counterKey} v c` };
  }

  /** Only if there is none. */
  addCounter(place: Place): Command {
    return this.writeCounter(place, 'ME');
  }

  moveCounter(place: Place, revision: number): Command {
    return this.writeCounter(place, `C${revision}`);
  }

  removeCounter(revision: number): Command {
    return { line: `md ${this.counterKey} C${revision}` };
  }

  /** Only if there is none. It has no life of its own: an append would not prolong it. */
  addSegment({ number, id }: Place, predecessor: string): Command {
    const body = encodeSegmentHead({ id, predecessor });
    return { line: `ms ${this.segmentKey(number)} ${body.length} T0 ME`, body };
  }

  /** Only if it is there. */
  append({ number }: Place, body: Uint8Array): Command {
    return { line: `ms ${this.segmentKey(number)} ${body.length} MA`, body };
  }

  readSegment(number: number): Command {
    return { line: `mg ${this.segmentKey(number)} v c` };
  }

  measureSegment(number: number): Command {
    return { line: `mg ${this.segmentKey(number)} s c` };
  }

  /** Segments before this one, to which others have appended since this process did. */
  earlier(number: number): number[] {
    return Array.from({ length: Math.min(measuredAtOnce, number) }, (_, index) => number - measuredAtOnce + index);
  }

  noteLength(number: number, bytes: number): void {
    if (bytes > 0) this.lengths.set(number, bytes);
  }

  removeSegment(number: number): Command {
    return { line: `md ${this.segmentKey(number)}` };
  }

  /** After the counter has left it: a life for the segment, and the end of those that nobody may be interested in. */
  retire(number: number): Command[] {
    const last = this.lastToGo(number);
    const first = Math.max(0, last - goneAtOnce + 1, (this.goneUpTo ?? last - 4) + 1);
    this.goneUpTo = last;
    const gone = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
    for (const one of this.lengths.keys()) if (one <= last) this.lengths.delete(one);
    return [
      { line: `mg ${this.segmentKey(number)} T${retiredLifeSeconds}` },
      ...gone.map((one) => this.removeSegment(one)),
    ];
  }

  /** One whose length is not known counts as one that is as long as it should be. */
  private lastToGo(number: number): number {
    const { segmentBytes } = this.tuning;
    const oldestKnown = Math.min(number, ...this.lengths.keys());
    let bytes = 0;
    let last = number;
    for (; bytes < keptBytes && last > Math.max(oldestKnown - 1, number - maxCounted); last--)
      bytes += this.lengths.get(last) ?? segmentBytes;
    return last - Math.ceil(Math.max(0, keptBytes - bytes) / segmentBytes);
  }

  private writeCounter(place: Place, condition: string): Command {
    const body = encodePlace(place);
    return { line: `ms ${this.counterKey} ${body.length} T0 ${condition}`, body };
  }

  private get counterKey(): string {
    return `${this.feed}~feed`;
  }

  private segmentKey(number: number): string {
    return `${this.feed}~feed:${number}`;
  }
}
