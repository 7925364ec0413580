import { codeOf, valueOf } from './conversation.js';
import type { Conversation, Reply } from './conversation.js';
import { decodePlace, isSamePlace } from './feed-place.js';
import type { Place } from './feed-place.js';
import { decodeSegment, noPredecessor } from './feed-segment.js';
import type { FeedState } from './feed-state.js';

const maxTries = 8;

/**
 * Follows a segment by the next, and moves the counter there.
 *
 * A rotator may have stood still between its steps: 1. R decides to follow 1. 2. S makes 2 and moves the counter, names are appended to 2 and
 * acknowledged. 3. Segment 2 is evicted. 4. R makes 2 anew, empty. Had it the id that the counter names, a reader would miss those names without
 * a word; it has another, and that is a gap. A segment that is there already is taken only if it names this one as its predecessor.
 *
 * @returns where the counter stands: `from` where there is no room for another segment. Undefined: it is lost.
 */
export function* rotate(feed: FeedState, from: Place): Conversation<Place | undefined> {
  for (let number = from.number + 1; number <= from.number + maxTries; number++) {
    const mine = { number, id: feed.tuning.drawId() };
    const [, segment, counter] = yield [feed.addSegment(mine, from.id), feed.readSegment(number), feed.readCounter()];
    const current = decodePlace(valueOf(counter));
    if (!isSamePlace(current, from)) return current;
    const value = valueOf(segment);
    if (!value) return from; // no memory for it, or evicted at once
    const head = decodeSegment(value);
    if (head?.predecessor !== from.id) continue;
    const next = { number, id: head.id };
    const earlier = feed.earlier(from.number);
    const moving = [feed.moveCounter(next, revisionOf(counter)), feed.readCounter()];
    const measuring = earlier.map((one) => feed.measureSegment(one));
    const [, now, ...lengths] = yield [...moving, ...measuring, ...feed.retire(from.number)];
    for (const [index, one] of earlier.entries()) feed.noteLength(one, sizeOf(lengths[index]));
    return decodePlace(valueOf(now));
  }
  return from;
}

/**
 * Begins a lineage: the feed is new, or its counter was lost. The segment is made first, so that the counter never names what was not there.
 *
 * @returns where the counter stands; undefined: the server has no room for it.
 */
export function* seed(feed: FeedState): Conversation<Place | undefined> {
  const { clock, drawId } = feed.tuning;
  // Greater than what was lost, as long as no clock was put back; identity rests on the ids.
  const first = Math.floor(clock.now()) * 1_000;
  for (let number = first; number < first + maxTries; number++) {
    const mine = { number, id: drawId() };
    const [made] = yield [feed.addSegment(mine, noPredecessor)];
    if (codeOf(made) === 'NS') continue;
    if (codeOf(made) !== 'HD') return undefined;
    let [added, counter] = yield [feed.addCounter(mine), feed.readCounter()];
    if (codeOf(counter) === 'VA' && !decodePlace(valueOf(counter))) {
      // What stands there is no counter.
      [, added, counter] = yield [feed.removeCounter(revisionOf(counter)), feed.addCounter(mine), feed.readCounter()];
    }
    const current = decodePlace(valueOf(counter));
    // Another was quicker: nobody knows this one. One that was named is read, though others may have followed it by now.
    if (codeOf(added) !== 'HD') yield [feed.removeSegment(number)];
    return current;
  }
  return undefined;
}

export function sizeOf(reply: Reply | undefined): number {
  return (reply && 'code' in reply ? reply.size : undefined) ?? 0;
}

function revisionOf(reply: Reply | undefined): number {
  return (reply && 'code' in reply ? reply.revision : undefined) ?? 0;
}
