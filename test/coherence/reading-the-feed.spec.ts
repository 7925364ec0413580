import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { CoherenceOptions } from '../../src/cache/cache-configuration.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { FeedQuestion } from '../../src/store/feed.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { InvalidKeyError, StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';

const life = { ttl: '1d' } as const;
/** Caches that another file has left open are heard of, too. */
const name = 'reading-the-feed';
const readingsIn = (events: RecordedEvents) => events.of('logRead').filter(({ cache }) => cache === name);
let clock: FakeClock;
let shared: Store;
let faulty: FaultyStore;
const caches: TieredCache[] = [];
async function opened(store: Store, coherence: CoherenceOptions | false = { interval: 1_000, blindFor: 0 }) {
  const cache = await buildCache({ name, store, clock, coherence });
  caches.push(cache);
  await cache.lookup('anything');
  return cache;
}

beforeEach(() => {
  clock = new FakeClock();
  shared = memoryStore({ clock });
  faulty = new FaultyStore(shared);
});
afterEach(async () => {
  faulty.down = undefined;
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

describe('The feed of a cache', () => {
  it('is read once an interval, by one command and nothing else, also when its version has been renewed', async () => {
    const cache = await opened(faulty.store);
    await cache.set('k', 1, life);
    faulty.commands.splice(0);
    await clock.advance('3s');
    expect(faulty.commands).toEqual(Array.from({ length: 3 }, () => 'readFeed test~feed'));
    // An hour later the version is renewed, which takes a look and a change.
    await clock.advance('1h');
    faulty.commands.splice(0);
    await clock.advance('3s');
    expect(faulty.commands).toEqual(Array.from({ length: 3 }, () => 'readFeed test~feed'));
  });

  it('is not read when the cache has been closed, and nothing near is believed from then on', async () => {
    const cache = await opened(faulty.store);
    await cache.set('k', 1, life);
    expect(cache.peek('k')).toBe(1);
    await cache.close();
    faulty.commands.splice(0);
    await clock.advance('10s');
    expect([faulty.commands, clock.waiting]).toEqual([[], 0]);
    expect(cache.peek('k')).toBeUndefined();
  });

  it('is not read on by a reading that was under way when the cache was closed', async () => {
    const held = new HeldAnswers(shared);
    const cache = await opened(held.store);
    await cache.set('k', 1, life);
    held.hold('readFeed', 'test');
    await clock.advance('1s');
    expect(held.held).toBe(1);
    await cache.close();
    held.letGo();
    await clock.advance('10s');
    expect(clock.waiting).toBe(0);
    expect(cache.peek('k')).toBeUndefined();
  });

  it('leaves nothing to be believed where a reading fails that was under way when the cache was closed', async () => {
    let fail: ((error: Error) => void) | undefined;
    let holds = false;
    const store = storeBehind(shared, (shard) =>
      shardWith(shard, {
        readFeed: (asked: FeedQuestion) =>
          holds ? new Promise((_, reject) => (fail = reject)) : shard.readFeed?.(asked),
      }),
    );
    const cache = await opened(store, { interval: 1_000, blindFor: '1h' });
    await cache.set('k', 1, life);
    holds = true;
    await clock.advance('1s');
    await cache.close();
    expect(fail).toBeDefined();
    fail?.(new StoreUnavailableError('the store', 'its connection was closed'));
    await clock.advance(1);
    expect(cache.peek('k')).toBeUndefined();
  });

  it('is told of: what was new in it, and that it could not be read', async () => {
    const [here, there] = [await opened(faulty.store), await opened(shared, { interval: '1h' })];
    await here.set('a', 1, life);
    await clock.advance('1s');
    const events = recordEvents('logRead');
    await there.deleteMany(['a', 'b']);
    await there.delete('c');
    await clock.advance('1s');
    faulty.down = '';
    await clock.advance('1s');
    expect(readingsIn(events)).toMatchObject([
      { applied: 2, answered: true, lagMs: 1_000 },
      { applied: 0, answered: false, lagMs: 1_000 },
    ]);
    events.stop();
  });

  it('holds what nobody of this version wrote: a fault, and nothing near is believed that was there before', async () => {
    const cache = await opened(shared);
    await cache.set('k', 1, life);
    const events = recordEvents('fault', 'nearCleared', 'logRead');
    const [shard] = shared.shards;
    await shard.invalidate?.({ feed: 'test', changes: [], records: [Buffer.from('nonsense')], watch: 'test~versions' });
    await clock.advance('1s');
    expect(cache.peek('k')).toBeUndefined();
    expect(events.of('fault')).toMatchObject([{ kind: 'undecodable', source: 'memory' }]);
    expect(events.of('nearCleared')).toMatchObject([{ entries: 1 }]);
    expect(readingsIn(events)).toMatchObject([{ applied: 0, answered: true }]);
    events.stop();
  });
});

describe('A load that reads what is near while the feed is read', () => {
  it('waits for a reading that is sent after it, and is served what that vouches for', async () => {
    const held = new HeldAnswers(faulty.store);
    const cache = await opened(held.store);
    await cache.set('inner', 1, life);
    held.hold('readFeed', 'test');
    await clock.advance('1s');
    faulty.commands.splice(0);
    let inner: unknown;
    const load = async (): Promise<number> => {
      inner = await cache.lookup('inner');
      return 2;
    };
    const outer = cache.getOrSet('outer', load, life);
    await clock.advance(0);
    held.letGo();
    expect(await outer).toBe(2);
    expect(inner).toMatchObject({ hit: true, tier: 'process' });
    expect(faulty.commands.filter((command) => command.startsWith('readFeed'))).toHaveLength(1);
  });
});

describe('A feed that could not be read at first', () => {
  it('is believed like any other once it was', async () => {
    faulty.down = '~feed';
    const cache = await buildCache({ name, store: faulty.store, clock, coherence: { interval: 1_000, blindFor: 0 } });
    caches.push(cache);
    await clock.advance('1s');
    faulty.down = undefined;
    await clock.advance('1s');
    await cache.set('k', 1, life);
    await clock.advance('3s');
    expect(cache.peek('k')).toBe(1);
  });
});

describe('A feed that vouches for nothing', () => {
  it('ends no belief where it could not be read', async () => {
    faulty.down = '~feed';
    const cache = await buildCache({ name, store: faulty.store, clock, coherence: false });
    caches.push(cache);
    await clock.advance('1s');
    faulty.down = undefined;
    await cache.lookup('anything');
    await cache.set('k', 1, life);
    expect(cache.peek('k')).toBe(1);
  });

  it('is told of by no event when it is read', async () => {
    const events = recordEvents('logRead');
    const cache = await opened(shared, false);
    await cache.set('k', 1, life);
    events.stop();
    expect(readingsIn(events)).toEqual([]);
  });
});

describe('A feed whose store refuses the question', () => {
  it('is a fault, and no reading', async () => {
    const refuses = (): Promise<never> => Promise.reject(new InvalidKeyError('it is none'));
    const events = recordEvents('fault', 'logRead');
    await opened(storeBehind(shared, (shard) => shardWith(shard, { readFeed: refuses })));
    events.stop();
    expect(events.of('fault').map(({ kind }) => kind)).toContain('undecodable');
    expect(readingsIn(events).map(({ answered }) => answered)).not.toContain(true);
  });
});

describe('How long near copies are believed', () => {
  it('is until the interval and 250 ms after the beginning of the last reading, where the next one is not answered', async () => {
    const held = new HeldAnswers(shared);
    const cache = await opened(held.store);
    await cache.set('k', 1, life);
    await clock.advance('1s');
    held.hold('readFeed', 'test');
    await clock.advance(1_249);
    expect(cache.peek('k')).toBe(1);
    await clock.advance(1);
    expect(cache.peek('k')).toBeUndefined();
    held.letGo();
    await clock.advance(1);
    expect(cache.peek('k')).toBe(1);
  });

  it('is blindFor longer where the store can’t be reached', async () => {
    const cache = await opened(faulty.store, { interval: 1_000, blindFor: 5_000 });
    await cache.set('k', 1, life);
    await clock.advance('1s');
    faulty.down = '';
    await clock.advance(5_999);
    expect(cache.peek('k')).toBe(1);
    await clock.advance(1);
    expect(cache.peek('k')).toBeUndefined();
  });

  it('counts from when the reading began, also where the clock was set back while it was under way', async () => {
    const held = new HeldAnswers(faulty.store);
    const cache = await opened(held.store);
    await cache.set('k', 1, life);
    await clock.advance('1s');
    held.hold('readFeed', 'test');
    await clock.advance('1s');
    clock.jump(-3_600_000);
    await clock.advance(400);
    held.letGo();
    await clock.advance(0);
    await cache.set('k', 1, life);
    expect(cache.peek('k')).toBe(1);
    faulty.down = '~feed';
    // The next reading fails 600 ms later: a second after the last one began.
    await clock.advance(599);
    expect(cache.peek('k')).toBe(1);
    await clock.advance(1);
    expect(cache.peek('k')).toBeUndefined();
  });

  it('ends when the clock is set back; but where no feed vouches for them, they go on', async () => {
    const [polled, alone] = [await opened(faulty.store), await opened(shared, false)];
    for (const cache of [polled, alone]) await cache.set('k', 1, life);
    faulty.down = '~feed';
    clock.jump(-3_600_000);
    // Whatever asks for the time learns of it.
    for (const cache of [polled, alone]) await cache.lookup('anything');
    expect(polled.peek('k')).toBeUndefined();
    await alone.set('k', 2, life);
    expect(alone.peek('k')).toBe(2);
  });
});

describe('A clear by another process that has not been heard of', () => {
  it.each<[string, string, CoherenceOptions | false, string, number]>([
    ['whose feed can’t be read', '~feed', { interval: 5_000, blindFor: 5_000 }, '10m', 3_600_000],
    ['whose list of versions can’t be read', '~versions', false, '3h', 4 * 3_600_000],
  ])(
    'is not believed to be undone where the clock is set back: of a store %s',
    async (_, key, coherence, away, backMs) => {
      const cache = await buildCache({ name, store: faulty.store, clock, coherence, process: false });
      caches.push(cache);
      await cache.set('k', 1, life);
      faulty.down = key;
      const other = await opened(shared);
      await other.dangerouslyClear();
      await clock.advance(away as '10m');
      expect(await cache.lookup('k')).toMatchObject({ hit: false, reason: 'unavailable' });
      clock.jump(-backMs);
      expect(await cache.lookup('k')).toMatchObject({ hit: false });
      // The breaker lets one through.
      await clock.advance('2s');
      expect(await cache.lookup('k')).toMatchObject({ hit: false });
    },
  );
});

describe('A clear by another process, while a reading is under way that fails', () => {
  it('is not believed to be undone where the clock is set back meanwhile', async () => {
    let fail = (): void => {};
    let isAway = false;
    const readFeed = (asked: FeedQuestion) =>
      isAway
        ? new Promise((_, reject) => (fail = () => reject(new StoreUnavailableError('the store', 'it is away'))))
        : shared.shards[0].readFeed?.(asked);
    const store = storeBehind(shared, (shard) => shardWith(shard, { readFeed }));
    const coherence = { interval: 5_000, blindFor: 5_000 };
    const cache = await buildCache({ name, store, clock, coherence, process: false });
    caches.push(cache);
    await cache.set('k', 1, life);
    isAway = true;
    await clock.advance('5s');
    await (await opened(shared)).dangerouslyClear();
    await clock.advance('1m');
    clock.jump(-3_600_000);
    fail();
    await clock.advance(0);
    const found = cache.lookup('k');
    await clock.advance(0);
    fail();
    expect(await found).toMatchObject({ hit: false, reason: 'unavailable' });
  });
});

describe('Versions that can’t compute each other’s keys', () => {
  it('void each other where both are listed, and where neither is they don’t', async () => {
    const events = recordEvents('fault');
    const cache = await opened(shared);
    await cache.set('k', 1, life);
    expect(await cache.delete('k')).toBe(true);
    expect(events.all).toEqual([]);
    const hidden = await buildCache({ store: shared, clock, keySecret: 's'.repeat(32), coherence: { interval: '1s' } });
    caches.push(hidden);
    await hidden.set('k', 1, life);
    await cache.delete('k');
    expect(events.of('fault').map(({ kind }) => kind)).toEqual(['degraded', 'degraded']);
    const alone = await buildCache({ store: shared, clock, keySecret: 's'.repeat(32), process: false });
    caches.push(alone);
    expect(await alone.get('k')).toBeUndefined();
    events.stop();
  });
});
