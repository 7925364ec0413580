import { codeOf, valueOf } from './conversation.js';
import type { Command, Conversation, Reply } from './conversation.js';
import { decodePlace, isSamePlace } from './feed-place.js';
import type { Place } from './feed-place.js';
import { rotate, seed, sizeOf } from './feed-rotation.js';
import type { FeedState } from './feed-state.js';

/** What is said around the records of an invalidation. */
export interface Around {
  /** The changes as they are carried out first. */
  readonly changes: readonly Command[];
  /** Those of them that are carried out again after the last append: see `appendFrames`. */
  readonly again: readonly Command[];
  /** Asks for the watched item. */
  readonly watch: Command;
  /** The server's limit of an item. */
  readonly itemSizeMax: number;
}

export interface Appended {
  /** The replies to `changes`. */
  readonly replies: readonly Reply[];
  readonly watched: Reply | undefined;
  /** The segment that is to be followed by another, once the caller was answered. */
  readonly full: Place | undefined;
}

/** The feed moved on, or was lost, as often as this while one frame was being appended. */
export class RestlessFeedError extends Error {}

const maxTries = 40;

/**
 * Carries out the changes and appends the frames, in one round trip where there is one frame and the feed has not moved.
 *
 * Changes are carried out before the append *and after it*: 1. A removes `inner` and `outer`. 2. B wins the right to fill `outer`, and reads the
 * feed, which names nothing yet: its near `inner` is believed. 3. A appends, and is done. 4. B stores an `outer` that was made of the old `inner`.
 * The second removal, after the append, takes B's right away, or comes before B's reading, which finds the names then.
 */
export function* appendFrames(feed: FeedState, around: Around, frames: readonly Uint8Array[]): Conversation<Appended> {
  let appended: Appended | undefined;
  for (const [index, frame] of frames.entries()) {
    const before = index === 0 ? around.changes : [];
    const after = index === frames.length - 1 ? around.again : [];
    const { replies, ...rest } = yield* appendFrame(feed, { ...around, before, after }, frame);
    // Not only after the call: every process may be in the midst of a long one, and an item has a limit.
    if (rest.full && index < frames.length - 1) yield* follow(feed, rest.full);
    appended = { ...rest, replies: appended?.replies ?? replies };
  }
  return appended ?? { replies: [], watched: undefined, full: undefined };
}

/** After the caller was answered. */
export function* follow(feed: FeedState, full: Place): Conversation<void> {
  if (!isSamePlace(feed.place, full)) return;
  const place = yield* rotate(feed, full);
  if (place) feed.learn(place);
}

interface Frame extends Around {
  readonly before: readonly Command[];
  readonly after: readonly Command[];
}

function* appendFrame(feed: FeedState, frame: Frame, bytes: Uint8Array): Conversation<Appended> {
  const { after, again, watch } = frame;
  let before = frame.before;
  let replies: readonly Reply[] = [];
  for (let tries = 0; tries < maxTries; tries++) {
    const place = feed.place ?? (yield* find(feed));
    if (!place) {
      const answers = yield [...before, ...(tries > 0 ? again : []), feed.readCounter(), watch];
      if (before.length > 0) replies = answers.slice(0, before.length);
      before = [];
      // No room for a feed. While it has no counter every reading is a gap, which tells of everything; see `loseSegment` for the second time.
      if (tries > 0 && codeOf(answers.at(-2)) === 'EN') return { replies, watched: answers.at(-1), full: undefined };
      continue;
    }
    const answers = yield [
      ...before,
      feed.append(place, bytes),
      ...after,
      feed.readCounter(),
      feed.measureSegment(place.number),
      watch,
    ];
    if (before.length > 0) replies = answers.slice(0, before.length);
    const [append, ...rest] = answers.slice(before.length);
    const [counter, size, watched] = rest.slice(after.length);
    before = [];
    feed.learn(decodePlace(valueOf(counter)));
    if (!isSamePlace(feed.place, place)) continue;
    if (codeOf(append) !== 'HD') {
      // A frame has a quarter of an item's limit at most. Where it may have been too much, the next segment takes it.
      if (sizeOf(size) > frame.itemSizeMax / 2) feed.learn(yield* rotate(feed, place));
      if (!isSamePlace(feed.place, place)) continue;
      const told = yield* loseSegment(feed, place, frame);
      if (told) return { replies, ...told };
      continue;
    }
    const full = feed.isFull(sizeOf(size), frame.itemSizeMax) ? place : undefined;
    return { replies, watched, full };
  }
  throw new RestlessFeedError('the feed did not stand still for an append');
}

/**
 * The append failed: the segment is gone, or there is no memory for it, nor for a next one. Its absence tells of everything: as long as the counter
 * names it, every reading is a gap. The changes are carried out once more, since a reading before the loss may have found nothing.
 */
function* loseSegment(
  feed: FeedState,
  place: Place,
  { again, watch }: Around,
): Conversation<Pick<Appended, 'watched' | 'full'> | undefined> {
  const answers = yield [feed.removeSegment(place.number), ...again, feed.readCounter(), watch];
  const [counter, watched] = answers.slice(-2);
  feed.learn(decodePlace(valueOf(counter)));
  return isSamePlace(feed.place, place) ? { watched, full: place } : undefined;
}

/** Where the feed stands, by its counter; begins it where there is none. */
function* find(feed: FeedState): Conversation<Place | undefined> {
  const [counter] = yield [feed.readCounter()];
  feed.learn(decodePlace(valueOf(counter)) ?? (yield* seed(feed)));
  return feed.place;
}
