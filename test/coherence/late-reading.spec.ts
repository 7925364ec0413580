import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { FeedQuestion, FeedReading } from '../../src/store/feed.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { shardWith } from '../support/shard-with.js';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';

const hour = { ttl: '1h' } as const;

type Ask = (cache: TieredCache) => Promise<unknown>;
const asks: [string, Ask][] = [
  ['getOrSet', (cache) => cache.getOrSet('k', () => 'new', hour)],
  ['getOrSetMany', (cache) => cache.getOrSetMany(['k'], () => [['k', 'new']], hour).then(([found]) => found)],
  ['get', (cache) => cache.get('k')],
  ['update', (cache) => cache.update('k', (old) => (old === undefined ? 'new' : 'built on old'), hour)],
];

describe('entries of the store, while a reading of the feed takes longer than its interval', () => {
  let fleet: ScriptedFleet;
  beforeEach(() => {
    fleet = new ScriptedFleet();
  });
  afterEach(() => fleet.close());

  it.each(asks)('are not served to %s when all was cleared meanwhile', async (_, ask) => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false })];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    expect(await fleet.done(b.cache.get('k'))).toBe('old');
    await fleet.later(1_000);
    await fleet.deliver(/^B -> read the feed/);
    await fleet.done(a.cache.dangerouslyClear(), /^A/);
    await fleet.later(1_300);
    expect(String(await fleet.done(ask(b.cache)))).not.toMatch(/old/);
  });

  it.each<[string, Ask, unknown]>([
    ['a look-up', (cache) => cache.get('k'), 'old'],
    ['a load', (cache) => cache.getOrSet('other', () => 'loaded', hour), 'loaded'],
    ['a write', (cache) => cache.set('k', 'new', hour), true],
    ['a removal', (cache) => cache.delete('k'), true],
  ])(
    'do not keep %s from its store: a reading that begins after the call tells all, however long it takes',
    async (_, ask, outcome) => {
      const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false })];
      await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
      await fleet.later(1_000);
      await fleet.deliver(/^B -> read the feed/);
      await fleet.later(1_300);
      const asked = ask(b.cache);
      await fleet.deliver(/^B <- /);
      await fleet.deliver(/^B -> read the feed/);
      await fleet.later(1_300);
      expect(await fleet.done(asked)).toBe(outcome);
      expect(await fleet.done(a.cache.get('other'))).toBe(outcome === 'loaded' ? 'loaded' : undefined);
    },
  );

  it('are served to nobody who joins a look-up of before all was cleared', async () => {
    const coherence = { interval: 1_000, blindFor: 60_000 };
    const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false, coherence })];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    await fleet.later(1_000);
    await fleet.deliver(/^B -> read the feed/);
    await fleet.later(1_300);
    const early = b.cache.getOrSet('k', () => 'new', hour);
    await fleet.deliver(/^B <- /);
    await fleet.deliver(/^B -> read the feed/);
    await fleet.done(a.cache.dangerouslyClear(), /^A/);
    await fleet.later(1_300);
    const late = b.cache.getOrSet('k', () => 'new', hour);
    // One of them has the right to load, and the other asks for it again and again.
    for (let time = 0; time < 10; time++) {
      await fleet.deliverAll();
      await fleet.later(100);
    }
    await early;
    expect(await late).toBe('new');
  });

  it('are served without another command as long as it was read within the bound', async () => {
    const [a, b] = [await fleet.process('A'), await fleet.process('B', { process: false })];
    await fleet.done(a.cache.getOrSet('k', () => 'old', hour));
    await fleet.later(1_200);
    expect(
      await fleet.done(
        b.cache.getOrSet('k', () => 'never', hour),
        /^B .. read or stub/,
      ),
    ).toBe('old');
  });
});

describe('a store whose feed can not be read any more', () => {
  const clock = new FakeClock();
  const shared = memoryStore({ clock });
  let answers = true;
  const store = storeBehind(shared, (shard) =>
    shardWith(shard, {
      readFeed: async (question: FeedQuestion) => {
        if (!answers) throw new StoreUnavailableError('memory', 'no answer');
        return shard.readFeed?.(question) as Promise<FeedReading>;
      },
    }),
  );
  const opened = async (configuration: Partial<CacheConfiguration>): Promise<TieredCache> => {
    const cache = await buildCache({ store, clock, coherence: { interval: 1_000, blindFor: '5s' }, ...configuration });
    await cache.lookup('anything');
    return cache;
  };
  beforeEach(() => {
    answers = true;
  });

  it('is read no more once nobody may believe it: look-ups go to their source', async () => {
    const cache = await opened({ process: false });
    const read = () => cache.getOrSet('a', () => 'of the source', hour);
    await cache.set('a', 'old', hour);
    answers = false;
    await clock.advance(5_500);
    expect(await read()).toBe('old');
    await clock.advance(1_000);
    expect(await read()).toBe('of the source');
    expect(await cache.lookup('a')).toMatchObject({ hit: false, reason: 'unavailable' });
    await expect(cache.get('a', { confirm: true })).rejects.toThrow('its feed has not been read of late');
    answers = true;
    await clock.advance(1_000);
    expect(await read()).toBe('old');
  });

  it('is told when a load without it finds nothing of what the process holds', async () => {
    const cache = await opened({});
    await cache.set('b', 'old', hour);
    answers = false;
    await clock.advance(6_500);
    expect(await cache.getOrSet<string | undefined>('b', () => undefined, hour)).toBeUndefined();
    answers = true;
    await clock.advance(1_000);
    expect(await cache.get('b')).toBeUndefined();
  });
});

describe('a store whose feed gives no answer any more', () => {
  it('keeps a call of many keys from it for one reading, and not for one per key that the process holds', async () => {
    const clock = new FakeClock();
    const shared = memoryStore({ clock });
    let answers = true;
    let readings = 0;
    const hanging = storeBehind(shared, (shard) =>
      shardWith(shard, {
        readFeed: (question: FeedQuestion) => {
          readings++;
          return answers ? shard.readFeed?.(question) : new Promise(() => {});
        },
      }),
    );
    const store = { ...hanging, capabilities: { ...hanging.capabilities, keepsDeadlines: false } };
    const cache = await buildCache({ store, clock, coherence: { interval: '1h', blindFor: 0 } });
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    await cache.setMany(keys.map((key) => [key, 'old', { ttl: '1d' }]));
    answers = false;
    await clock.advance('1h');
    await clock.advance('1s');
    readings = 0;
    const asked = cache.getMany(keys);
    let isAnswered = false;
    void asked.then(() => (isAnswered = true));
    while (!isAnswered) await clock.advance(50);
    expect(await asked).toMatchObject(keys.map(() => ({ hit: false, reason: 'unavailable' })));
    // One vouches for none of the copies; the store is not asked without another.
    expect(readings).toBe(2);
    await cache.close();
  });
});
