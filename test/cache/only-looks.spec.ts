import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import { withoutPush } from '../support/without-push.js';

/** Nothing is read of the feed by itself in here. */
const coherence = { interval: '10m', blindFor: '10m' } as const;
const life = { ttl: '1h' } as const;
const scope = new RequestScope();
let clock: FakeClock;
let faulty: FaultyStore;
let here: TieredCache;
let there: TieredCache;
beforeEach(async () => {
  clock = new FakeClock();
  const shared = withoutPush(memoryStore({ clock }));
  faulty = new FaultyStore(shared);
  here = await buildCache({
    name: 'here',
    store: faulty.store,
    clock,
    scope,
    coherence,
    process: { maxEntries: 2, eviction: 'lru' },
  });
  there = await buildCache({ name: 'there', store: shared, clock, coherence });
});
afterEach(() => Promise.all([here.close(), there.close()]));

describe.each<[string, (key: string) => unknown]>([
  ['peek', (key) => here.peek(key)],
  ['has', (key) => here.has(key)],
])('%s', (_, look) => {
  it('is no use of what it finds', async () => {
    await here.set('a', 1, life);
    await here.set('b', 2, life);
    await look('a');
    await here.set('c', 3, life);
    expect([here.peek('a'), here.peek('b')]).toEqual([undefined, 2]);
  });

  it('copies nothing into the request, and no event tells of it', async () => {
    await here.set('a', 1, life);
    const events = recordEvents('hit', 'miss', 'backfilled');
    await look('a');
    await scope.run(async () => {
      await look('a');
      const { tiers } = await here.explain('a');
      expect(tiers.map(({ tier, hit }) => [tier, hit])).toEqual([
        ['request', false],
        ['process', true],
        ['memory', true],
      ]);
    });
    expect(events.all).toEqual([]);
    events.stop();
  });
});

describe('explain', () => {
  it('writes nothing: a look from another release or with another secret is no version that keeps entries', async () => {
    await here.set('a', 1, life);
    const shard = faulty.store.shards[0];
    const listed = async (namespace: string) => (await shard.readMany([`${namespace}~versions`]))[0]?.bytes.toString();
    const before = await listed('test');
    expect(before).toContain('test:1.0.0::');
    const others = [
      { packageVersion: '2.0.0' },
      { keySecret: 'a secret of 32 bytes, or of more' },
      { namespace: 'another' },
    ];
    for (const other of others) {
      const looking = await buildCache({ name: 'looking', store: faulty.store, clock, coherence, ...other });
      expect((await looking.explain('a')).tiers.some(({ hit }) => hit)).toBe(false);
      await looking.close();
    }
    expect([await listed('test'), await listed('another')]).toEqual([before, undefined]);
  });
});

describe('has', () => {
  it('answers a loader nothing that was invalidated before its load', async () => {
    await here.set('inner', 'row', life);
    await there.deleteMany(['inner', 'outer']);
    expect(await here.getOrSet('outer', () => here.has('inner'), life)).toBe(false);
    expect(await there.get('outer')).toBe(false);
  });

  it('finds nothing stale for a loader, as get', async () => {
    await here.set('inner', 'row', { ttl: '1s', staleFor: '1h' });
    await clock.advance('2s');
    expect(await here.has('inner')).toBe(true);
    expect(await here.getOrSet('outer', () => here.has('inner'), life)).toBe(false);
  });

  it('counts as read by the request, which builds nothing on it that was invalidated since', async () => {
    await here.set('part', 'row', life);
    await scope.run(async () => {
      const isThere = await here.has('part');
      await there.deleteMany(['part', 'page']);
      expect(await here.getOrSet('page', () => `with ${isThere}`, life)).toBe('with true');
    });
    expect(await there.get('page')).toBeUndefined();
  });

  it('is no use of a copy either that it has to read the feed for', async () => {
    await here.set('a', 1, life);
    await here.set('b', 2, life);
    clock.jump(30 * 60_000);
    faulty.commands.splice(0);
    expect(await here.has('a')).toBe(true);
    expect(faulty.commands).toEqual([expect.stringContaining('~feed')]);
    await here.set('c', 3, life);
    expect([here.peek('a'), here.peek('b')]).toEqual([undefined, 2]);
  });

  it('asks the store only where get would', async () => {
    const nearOnly = defineKey('row:{id}', { owner: 'test', holds: 'a row', ttl: '1m', tiers: ['process'] });
    const shared = defineKey('row:{id}', { owner: 'test', holds: 'a row', ttl: '1m' });
    await there.set(shared({ id: '1' }), 'row');
    faulty.commands.splice(0);
    expect([await here.has(nearOnly({ id: '1' })), await here.get(nearOnly({ id: '1' }))]).toEqual([false, undefined]);
    expect(faulty.commands).toEqual([]);
    expect(await here.has(shared({ id: '1' }))).toBe(true);
  });

  it('is false where a miss is forced, and where the store can’t be reached', async () => {
    await here.set('a', 1, life);
    await scope.run(async () => {
      scope.forceMiss();
      expect([await here.has('a'), await here.get('a')]).toEqual([false, undefined]);
    });
    faulty.down = ':b';
    expect(await here.has('b')).toBe(false);
  });
});

describe('what a request has read', () => {
  it('is its answer by every verb, also where it is stale and the process holds what is fresh', async () => {
    await here.set('k', 'read', { ttl: '1s', staleFor: '1h' });
    const never = (): never => expect(undefined).toBe('not loaded') as never;
    await scope.run(async () => {
      await here.get('k');
      await clock.advance('2s');
      await scope.run(() => here.set('k', 'written', life));
      expect(await here.getOrSet('k', never)).toBe('read');
      expect(await here.getOrSet('k', never, { signal: new AbortController().signal })).toBe('read');
      expect([await here.get('k'), here.peek('k')]).toEqual(['read', 'read']);
    });
    expect(await here.get('k')).toBe('written');
  });
});

describe('what is refreshed into the store alone', () => {
  it('leaves nothing older near', async () => {
    await here.set('k', 'old', life);
    expect(await here.refresh('k', () => 'new', { ...life, tiers: ['store'] })).toBe('new');
    expect(here.peek('k')).toBeUndefined();
    expect(await here.get('k')).toBe('new');
  });
});
