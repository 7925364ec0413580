import type { FeedQuestion } from '../feed.js';
import type { Command } from './conversation.js';
import { converse } from './exchange.js';
import { appendFrames, follow } from './feed-append.js';
import type { Appended, Around } from './feed-append.js';
import type { Place } from './feed-place.js';
import { readFeed } from './feed-reading.js';
import type { Read } from './feed-reading.js';
import { framesOf } from './feed-segment.js';
import { FeedState } from './feed-state.js';
import type { FeedTuning } from './feed-state.js';
import type { MetaConnection } from './meta-connection.js';

/** The feeds of one server, by their names, as this process knows them. */
export class MemcachedFeeds {
  private readonly states = new Map<string, FeedState>();
  private readonly following = new Set<FeedState>();

  constructor(private readonly tuning: FeedTuning) {}

  /** @throws the connection's error; RestlessFeedError. */
  async append(
    connection: MetaConnection,
    name: string,
    around: Around,
    records: readonly Uint8Array[],
  ): Promise<Appended & { readonly inParts: boolean }> {
    const feed = this.state(name);
    const frames = framesOf(records, Math.min(this.tuning.segmentBytes, around.itemSizeMax / 4));
    const appended = await converse(connection, appendFrames(feed, around, frames));
    if (appended.full) this.follow(connection, feed, appended.full);
    return { ...appended, inParts: frames.length > 1 };
  }

  /** @throws the connection's error. */
  read(connection: MetaConnection, question: FeedQuestion, watch: Command): Promise<Read> {
    return converse(connection, readFeed(this.state(question.feed), connection.session, watch, question));
  }

  /** Nobody waits for it: what it leaves undone, the next append does. */
  private follow(connection: MetaConnection, feed: FeedState, full: Place): void {
    if (this.following.has(feed)) return;
    this.following.add(feed);
    const over = (): void => void this.following.delete(feed);
    converse(connection, follow(feed, full)).then(over, over);
  }

  private state(name: string): FeedState {
    let state = this.states.get(name);
    if (!state) this.states.set(name, (state = new FeedState(name, this.tuning)));
    return state;
  }
}
