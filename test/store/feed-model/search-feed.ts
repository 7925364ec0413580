import type { Mark } from '../../../src/store/feed.js';
import type { Command, Conversation, Reply } from '../../../src/store/memcached/conversation.js';
import { appendFrames, follow } from '../../../src/store/memcached/feed-append.js';
import { readFeed } from '../../../src/store/memcached/feed-reading.js';
import { seed } from '../../../src/store/memcached/feed-rotation.js';
import { frameRecords } from '../../../src/store/memcached/feed-segment.js';
import { FeedState } from '../../../src/store/memcached/feed-state.js';
import type { Place } from '../../../src/store/memcached/feed-place.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { ModelServer } from './model-server.js';

export interface Protections {
  readonly comparesIds: boolean;
  readonly comparesChain: boolean;
  /** False: who appends to a segment that is gone makes it anew. */
  readonly appendsOnly: boolean;
}

export interface Story extends Protections {
  /** Per writer the names that it invalidates, one after the other. */
  readonly writers: readonly (readonly string[])[];
  readonly polls: number;
  readonly losses: number;
  /** The server's limit of an item. Default: far more than a story needs. */
  readonly itemSizeMax?: number;
}

/** Picks one of `count`: the search decides what happens next by it. */
export type Choose = (count: number) => number;

class CarelessState extends FeedState {
  override append(place: Place, body: Uint8Array): Command {
    const { line } = super.append(place, body);
    return { line: `${line} X${place.id}`, body };
  }
}

/** One interleaving of the story, a command at a time. Returns what a reader has missed, or a gap where nothing was lost; undefined: nothing. */
export function tell(story: Story, choose: Choose): string | undefined {
  const { itemSizeMax = 2 ** 20 } = story;
  const server = new ModelServer(itemSizeMax);
  let ids = 0;
  const tuning = { ...story, segmentBytes: 1, leastLifeMs: 0, clock: new FakeClock(), drawId: () => `id${ids++}` };
  const State = story.appendsOnly ? FeedState : CarelessState;
  const acknowledged = new Set<string>();
  let missed: string | undefined;

  function* write(names: readonly string[]): Conversation<void> {
    const feed = new State('f', tuning);
    for (const name of names) {
      const around = { changes: [], again: [], watch: { line: 'mg w c' }, itemSizeMax };
      const { full } = yield* appendFrames(feed, around, [frameRecords([Buffer.from(name)])]);
      acknowledged.add(name);
      if (full) yield* follow(feed, full);
    }
  }

  function* seedFeed(): Conversation<void> {
    yield* seed(new State('f', tuning));
  }

  function* read(): Conversation<void> {
    const feed = new State('f', tuning);
    const known = new Set<string>();
    let since: Mark | undefined;
    for (let poll = 0; poll <= story.polls; poll++) {
      const must = [...acknowledged];
      const question = { since, maxBehindBytes: 1_000 };
      const { mark, records, gap } = yield* readFeed(feed, 1, { line: 'mg w v c' }, question);
      // Without a place in the feed, and at a gap, everything is dropped: a name whose change had been carried out by then is needed no more.
      if (gap !== undefined || since === undefined) {
        for (const frame of server.appended) known.add(frame.toString('latin1', 2));
        for (const name of acknowledged) known.add(name);
      }
      for (const record of records) known.add(record.toString());
      missed ??= must.find((name) => !known.has(name));
      if (story.losses === 0 && gap !== undefined) missed ??= `all: ${gap}`;
      since = mark;
    }
  }

  // Where several begin the feed at once, a reader may have a gap.
  if (story.losses === 0) new Actor(seedFeed(), server).finish();
  const actors = [...story.writers.map(write), read()].map((conversation) => new Actor(conversation, server));
  let losses = story.losses;
  while (missed === undefined) {
    const running = actors.filter(({ isOver }) => !isOver);
    if (running.length === 0) return undefined;
    const lost = losses > 0 ? server.keys.filter((key) => key.startsWith('f~feed')) : [];
    const chosen = choose(running.length + lost.length);
    const actor = running[chosen];
    if (actor) actor.step();
    else {
      losses--;
      server.lose(lost[chosen - running.length] as string);
    }
  }
  return missed;
}

/** A conversation, and how far its present trip has come. */
class Actor {
  isOver = false;
  private commands: readonly Command[] = [];
  private replies: Reply[] = [];

  constructor(
    private readonly conversation: Conversation<void>,
    private readonly server: ModelServer,
  ) {
    this.goOn(conversation.next());
  }

  step(): void {
    this.replies.push(this.server.carryOut(this.commands[this.replies.length] as Command));
    if (this.replies.length === this.commands.length) this.goOn(this.conversation.next(this.replies));
  }

  finish(): void {
    while (!this.isOver) this.step();
  }

  private goOn(step: IteratorResult<readonly Command[], void>): void {
    this.isOver = step.done === true;
    this.commands = step.done ? [] : step.value;
    this.replies = [];
  }
}
