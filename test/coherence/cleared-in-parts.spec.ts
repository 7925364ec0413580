import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { FeedQuestion } from '../../src/store/feed.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { shardWith } from '../support/shard-with.js';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

const life = { ttl: '1h' } as const;
let fleet: ScriptedFleet;
let a: TieredCache;
let b: TieredCache;
/** A key on the part whose feed is read first, and one on the other part. */
let page: string;
let part: string;

beforeEach(async () => {
  fleet = new ScriptedFleet(twoShardStore);
  a = (await fleet.process('A')).cache;
  b = (await fleet.process('B', { process: false })).cache;
  const keys = ['outer', 'inner'];
  await fleet.done(a.setMany(keys.map((key) => [key, 'old', life])));
  const first = await fleet.store.shards[0]?.readMany(keys.map((key) => a.storeKey(key)));
  page = keys[first?.findIndex((item) => item !== undefined) ?? -1] as string;
  part = keys[first?.findIndex((item) => item === undefined) ?? -1] as string;
  await fleet.done(Promise.all([b.get(page), b.get(part)]));
  await fleet.later(0);
  await fleet.deliverAll();
});
afterEach(() => fleet.close());

const build = (cache: TieredCache): Promise<string> =>
  cache.getOrSet(page, async () => `page with ${await cache.getOrSet(part, () => 'new', life)}`, life);

it('T2 A process that has heard of a clear by one part of the store builds nothing on what another part holds from before', async () => {
  await fleet.done(a.dangerouslyClear(), /^A/);
  await fleet.later(1_000);
  await fleet.deliver(/^B -> read the feed/);
  await fleet.deliver(/^B <- read the feed/);
  const built = build(b);
  await fleet.deliverAll(/^B (?!.*the feed)/);
  expect(await fleet.done(built, /^B/)).toBe('page with new');
  await fleet.later(1_300);
  await fleet.deliverAll();
  expect(await fleet.done(a.get(page))).toBe('page with new');
});

it('T2 Nor does the answer to a reading count that was sent before', async () => {
  await fleet.later(1_000);
  await fleet.deliver(/^B -> read the feed/);
  await fleet.deliver(/^B <- read the feed/);
  // The other part has carried out the reading; its answer is on its way.
  await fleet.deliver(/^B -> read the feed/);
  await fleet.done(a.dangerouslyClear(), /^A/);
  await fleet.later(1_000);
  await fleet.deliver(/^B -> read the feed/);
  const built = build(b);
  expect(await fleet.done(built, /^B/)).toBe('page with new');
  await fleet.later(1_300);
  await fleet.deliverAll();
  expect(await fleet.done(a.get(page))).not.toBe('page with old');
});

it('T1 What the process that clears has built, while one part was cleared and another was not yet, is cleared as well', async () => {
  const cleared = a.dangerouslyClear();
  await fleet.later(0);
  await fleet.deliver(/^A -> read .*~versions/);
  await fleet.deliver(/^A <- read .*~versions/);
  await fleet.deliver(/^A -> write .*~versions/);
  await fleet.deliver(/^A <- write .*~versions/);
  expect(await fleet.done(build(a), /^A (-> (?!.*~versions)|<-)/)).toBe('page with old');
  await fleet.done(cleared);
  await fleet.later(1_300);
  await fleet.deliverAll();
  expect(await fleet.done(b.get(page))).toBeUndefined();
});

it('T2 A reading that was sent before another part told of a clear vouches for nothing', async () => {
  const clock = new FakeClock();
  const shared = twoShardStore(clock);
  const gates: (() => void)[] = [];
  let holds = false;
  const held = storeBehind(shared, (shard) =>
    shardWith(shard, {
      async readFeed(asked: FeedQuestion) {
        const reading = await shard.readFeed?.(asked);
        if (holds && shard === shared.shards[1]) await new Promise<void>((resolve) => gates.push(resolve));
        return reading;
      },
    }),
  );
  const coherence = { interval: 1_000, blindFor: 0 };
  const other = await buildCache({ name: 'other', store: shared, clock, coherence, namespace: 'n' });
  const here = await buildCache({ name: 'here', store: held, clock, coherence, namespace: 'n', process: false });
  await other.setMany(['outer', 'inner'].map((key) => [key, 'old', life]));
  await here.getMany(['outer', 'inner']);
  await clock.advance('1s');
  holds = true;
  await clock.advance('1s');
  expect(gates).toHaveLength(1);
  await other.dangerouslyClear();
  await clock.advance('1s');
  const built = build(here);
  gates[0]?.();
  await eventually(() => expect(gates).toHaveLength(2));
  await clock.advance(10);
  holds = false;
  gates[1]?.();
  expect(await built).toBe('page with new');
  await Promise.all([here.close(), other.close()]);
});
