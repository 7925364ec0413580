import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { tagName } from '../../src/coherence/invalidated-names.js';
import type { ShardFeed } from '../../src/coherence/shard-feed.js';
import { StalenessSample } from '../../src/coherence/staleness-sample.js';
import { ShardTrust } from '../../src/coherence/trust.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';

let now: number;
let random: number;
let events: RecordedEvents;
interface ReadFeed {
  readonly trust: ShardTrust;
  readUpTo: number;
}
let feeds: [ReadFeed, ReadFeed];
let sample: StalenessSample;

beforeEach(() => {
  now = 1_000;
  random = 0;
  feeds = [
    { trust: new ShardTrust(0), readUpTo: 0 },
    { trust: new ShardTrust(0), readUpTo: 0 },
  ];
  sample = new StalenessSample(
    'c',
    { now: () => now },
    () => random,
    () => feeds as unknown as ShardFeed[],
  );
  events = recordEvents('staleness');
});
afterEach(() => events.stop());

/** A hit at `at` of a copy that was made at `createdAt`, of the first feed's shard. */
function hit(key: string, { at = 1_000, createdAt = 0, tags = [] as string[] } = {}): void {
  now = at;
  const [feed] = feeds;
  sample.note(key, `name of ${key}`, { createdAt, trust: feed.trust, tags: tags.map((tag) => ({ tag })) });
}
const read = (upTo: number, index: 0 | 1 = 0): void => void (feeds[index].readUpTo = upTo);
const told = (): Record<string, number> =>
  Object.fromEntries(events.of('staleness').map(({ key, staleMs }) => [key, staleMs]));

describe('How stale a hit was', () => {
  it('is told when the feed of its shard was read past it, and not before', () => {
    hit('k');
    read(1_000);
    sample.judge();
    expect(told()).toEqual({});
    read(1_001);
    sample.judge();
    expect(told()).toEqual({ k: 0 });
    sample.judge();
    expect(events.all).toHaveLength(1);
  });

  it('is the time from the beginning of the invalidation to the hit', () => {
    hit('named before');
    hit('named after');
    hit('named at the hit');
    hit('not named');
    sample.named(['name of named before'], 400);
    sample.named(['name of named after'], 1_001);
    sample.named(['name of named at the hit'], 1_000);
    hit('made later', { createdAt: 400 });
    sample.named(['name of made later', 'name of another'], 400);
    read(2_000);
    sample.judge();
    expect(told()).toEqual({
      'named before': 600,
      'named after': 0,
      'named at the hit': 0,
      'not named': 0,
      'made later': 0,
    });
  });

  it('is that of the earliest of several invalidations, by its key or one of its tags', () => {
    hit('k', { tags: ['s', 't'] });
    sample.named([tagName('other')], 100);
    sample.named([tagName('t')], 700);
    sample.named(['name of k'], 900);
    sample.named([tagName('s')], undefined);
    read(2_000);
    sample.judge();
    expect(told()).toEqual({ k: 300 });
  });

  it('is not known where its feed has missed something, and only there', () => {
    const [first, second] = feeds;
    hit('missed');
    sample.note('kept', 'kept', { createdAt: 0, trust: second.trust, tags: [] });
    sample.missed({ trust: first.trust } as ShardFeed);
    read(2_000);
    read(2_000, 1);
    sample.judge();
    expect(told()).toEqual({ kept: 0 });
  });

  it('is judged for a hundred at a time, each hit as likely among them as the next', () => {
    for (let index = 0; index < 100; index++) hit(`k${index}`);
    random = 0.99;
    hit('left out: place 99.99 of 101 is the last one'); // replaces the last
    random = 0.999;
    hit('left out: place 101.9 of 102');
    random = 0.5;
    hit('taken'); // place 51 of 103
    read(2_000);
    sample.judge();
    const keys = Object.keys(told());
    expect(keys).toHaveLength(100);
    expect(keys).toContain('taken');
    expect(keys).toContain('left out: place 99.99 of 101 is the last one');
    expect(keys).not.toContain('left out: place 101.9 of 102');
    expect(keys).not.toContain('k51');
    expect(keys).not.toContain('k99');
    // What was judged makes room.
    events.clear();
    random = 0.999;
    hit('next');
    sample.judge();
    expect(told()).toEqual({ next: 0 });
    // And how many there were of what was judged makes none of the next less likely.
    events.clear();
    for (let index = 0; index < 100; index++) hit(`k${index}`);
    random = 0.5;
    hit('taken again'); // place 50 of 101
    sample.judge();
    expect(told()).toHaveProperty(['taken again'], 0);
  });
});
