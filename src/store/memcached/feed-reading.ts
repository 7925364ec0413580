import type { FeedGap, FeedQuestion, FeedReading, Mark } from '../feed.js';
import { valueOf } from './conversation.js';
import type { Command, Conversation, Reply } from './conversation.js';
import { decodePlace, isSamePlace } from './feed-place.js';
import type { Place } from './feed-place.js';
import { rotate, seed } from './feed-rotation.js';
import { decodeSegment, recordsFrom } from './feed-segment.js';
import type { Segment } from './feed-segment.js';
import type { FeedState } from './feed-state.js';

export interface Read extends Omit<FeedReading, 'watched'> {
  readonly watched: Reply | undefined;
}

type Question = Pick<FeedQuestion, 'since' | 'maxBehindBytes'>;

/** Segments that are asked for in one trip. */
const segmentsPerTrip = 32;

/**
 * Reads what was appended since the mark: one round trip where nothing was.
 *
 * The counter is asked for before the segment, and a segment once more after the counter was seen beyond it: 1. R reads the end of segment 1.
 * 2. W appends to 1, and finds the counter still there: acknowledged. 3. Another moves the counter to 2. 4. R reads the counter, and goes on in 2.
 *
 * @param session of the connection: a revision of another says nothing.
 */
export function* readFeed(
  feed: FeedState,
  session: number,
  watch: Command,
  { since, maxBehindBytes }: Question,
): Conversation<Read> {
  const [counter, watched, segment] = yield [
    feed.readCounter(),
    watch,
    ...(since ? [feed.measureSegment(since.number)] : []),
  ];
  const found = decodePlace(valueOf(counter));
  feed.learn(found);
  if (since && isSamePlace(found, since) && isUnchanged(feed, session, since, segment))
    return { mark: since, records: [], gap: undefined, watched };
  if (!found) {
    feed.learn(yield* seed(feed));
    return { ...(yield* stand(feed, session, since && 'the counter was lost')), watched };
  }
  if (!since) return { ...(yield* stand(feed, session, undefined)), watched };
  const news = yield* readOn(feed, session, since, found, maxBehindBytes);
  if (typeof news === 'string') return { ...(yield* stand(feed, session, news)), watched };
  return { ...news, gap: undefined, watched };
}

/** What was appended between the mark and now, or why it can't be known. */
function* readOn(
  feed: FeedState,
  session: number,
  since: Mark,
  found: Place,
  maxBehindBytes: number,
): Conversation<Pick<Read, 'mark' | 'records'> | FeedGap> {
  if (found.number < since.number) return 'the counter went back';
  if (found.number === since.number && found.id !== since.id && feed.tuning.comparesIds)
    return 'the feed was made anew';
  if ((found.number - since.number - 1) * feed.tuning.segmentBytes > maxBehindBytes) return 'too far behind';
  const records: Buffer[] = [];
  let behindBytes = 0;
  let offset = since.offset;
  let predecessor: string | undefined;
  for (let number = since.number; number <= found.number;) {
    const count = Math.min(segmentsPerTrip, found.number - number + 1);
    const replies = yield Array.from({ length: count }, (_, index) => feed.readSegment(number + index));
    for (const reply of replies) {
      const value = valueOf(reply);
      const segment = decodeSegment(value);
      if (!value || !segment) return 'a segment was lost';
      if (!continues(feed, segment, predecessor, since)) return 'a segment was made anew';
      predecessor = segment.id;
      const from = offset || segment.headBytes;
      const more = recordsFrom(value, from);
      if (!more) return value.length < from ? 'a segment is shorter than it was' : 'what was appended can’t be read';
      behindBytes += value.length - from;
      if (behindBytes > maxBehindBytes) return 'too far behind';
      records.push(...more);
      offset = number === found.number ? value.length : 0;
      if (number === found.number) {
        if (feed.tuning.comparesIds && segment.id !== found.id) return 'a segment is not the counter’s';
        remember(feed, session, { number, id: segment.id }, reply);
      }
      number++;
    }
  }
  return { mark: { ...found, offset }, records };
}

/** The first must be the one of the mark; each later one must name the one before it. */
function continues(feed: FeedState, segment: Segment, predecessor: string | undefined, since: Mark): boolean {
  if (!feed.tuning.comparesChain) return true;
  return predecessor === undefined ? segment.id === since.id : segment.predecessor === predecessor;
}

/** Takes a place at the end of the counter's segment, and mends the feed where that one is gone: until then every reading would be a gap. */
function* stand(feed: FeedState, session: number, gap: FeedGap | undefined): Conversation<Omit<Read, 'watched'>> {
  for (let mended = false; feed.place; mended = true) {
    const place: Place = feed.place;
    const [reply] = yield [feed.readSegment(place.number)];
    const value = valueOf(reply);
    const segment = decodeSegment(value);
    if (value && segment && (segment.id === place.id || !feed.tuning.comparesIds)) {
      remember(feed, session, { ...place, id: segment.id }, reply);
      return { mark: { ...place, offset: value.length }, records: [], gap };
    }
    if (mended) break;
    feed.learn(yield* rotate(feed, place));
  }
  return { mark: undefined, records: [], gap };
}

function remember(feed: FeedState, session: number, place: Place, reply: Reply | undefined): void {
  const revision = reply && 'code' in reply ? reply.revision : undefined;
  feed.seen = revision === undefined ? undefined : { ...place, session, revision };
}

/** Whether the segment is still the one that was read up to the mark. */
function isUnchanged(feed: FeedState, session: number, since: Mark, reply: Reply | undefined): boolean {
  const { seen } = feed;
  if (!seen || !reply || !('code' in reply) || reply.code !== 'HD') return false;
  return (
    reply.size === since.offset &&
    reply.revision === seen.revision &&
    session === seen.session &&
    isSamePlace(seen, since)
  );
}
