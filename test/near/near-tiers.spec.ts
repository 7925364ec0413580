import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { RequestScope } from '../../src/near/request-scope.js';
import type { ScopeState } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { Invalidation } from '../../src/store/feed.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { recordEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';

const life = { ttl: '1h' } as const;
const scope = new RequestScope();
let clock: FakeClock;
let shared: Store;
let cache: TieredCache;
let other: TieredCache;

beforeEach(async () => {
  clock = new FakeClock();
  shared = memoryStore({ clock });
  const coherence = { interval: 1_000, blindFor: 0 };
  cache = await buildCache({ store: shared, clock, scope, coherence });
  other = await buildCache({ name: 'other', store: shared, clock, coherence });
  for (const one of [cache, other]) await one.lookup('anything');
});
afterEach(() => Promise.all([cache.close(), other.close()]));

describe('What a request holds', () => {
  const fill = async (): Promise<void> => {
    await cache.set('tagged', 1, { ...life, tags: ['s', 't'] });
    await cache.set('of another tag', 2, { ...life, tags: ['u'] });
    await cache.set('plain', 3, life);
  };
  const held = (): unknown[] => ['tagged', 'of another tag', 'plain'].map((key) => cache.peek(key));

  it('goes with its tag where the request itself invalidates that, and nothing else does', () =>
    scope.run(async () => {
      await fill();
      expect(await cache.invalidateTags('t')).toBe(true);
      expect(held()).toEqual([undefined, 2, 3]);
      expect(await cache.lookup('plain')).toMatchObject({ hit: true, tier: 'request' });
    }));

  it('counts as read where the request has deleted its key, and nothing does that it never held', () =>
    scope.run(async () => {
      await fill();
      const [tier] = [...(scope.current() as ScopeState).held.values()];
      await cache.delete('unknown');
      await cache.delete('plain');
      await cache.delete('plain');
      expect(held()).toEqual([1, 2, undefined]);
      expect([...(tier?.reads() ?? [])].map(([id]) => id).sort()).toEqual(['of another tag', 'plain', 'tagged']);
    }));

  it('stays where another process invalidates its tag or its key: the request goes on with what it has read', () =>
    scope.run(async () => {
      await fill();
      await other.invalidateTags('t');
      await other.delete('plain');
      await clock.advance('1s');
      expect(held()).toEqual([1, 2, 3]);
      await scope.run(() => expect(held()).toEqual([undefined, 2, undefined]));
    }));

  it('goes all at once where the request clears', () =>
    scope.run(async () => {
      await fill();
      await cache.dangerouslyClear();
      expect(held()).toEqual([undefined, undefined, undefined]);
    }));

  it('is not found by a look-up that a forced miss was granted to, nor is what the process holds', () =>
    scope.run(async () => {
      await fill();
      scope.forceMiss();
      expect(held()).toEqual([undefined, undefined, undefined]);
    }));
});

describe('What the process holds', () => {
  it('is told tier by tier, without a use of it', async () => {
    await cache.set('k', 1, life);
    await scope.run(async () => {
      const tiers = async (): Promise<unknown> =>
        (await cache.explain('k')).tiers.map(({ tier, hit }) => [tier, hit] as const);
      expect(await tiers()).toEqual([
        ['request', false],
        ['process', true],
        ['memory', true],
      ]);
      await cache.get('k');
      expect(await tiers()).toEqual([
        ['request', true],
        ['process', true],
        ['memory', true],
      ]);
    });
  });

  it.each<[string, (one: TieredCache) => Promise<boolean>]>([
    ['set', (one) => one.set('k', 'new', life)],
    ['delete', (one) => one.delete('k')],
    ['invalidateTags', (one) => one.invalidateTags('t')],
  ])('goes where the store does not acknowledge a %s during which it was read', async (_, change) => {
    let fail: (error: Error) => void = () => {};
    const invalidate = (): Promise<never> => new Promise((_, reject) => (fail = reject));
    let answers = true;
    const store = storeBehind(shared, (shard) =>
      shardWith(shard, { invalidate: (asked: Invalidation) => (answers ? shard.invalidate?.(asked) : invalidate()) }),
    );
    const one = await buildCache({ name: 'one', store, clock, coherence: { interval: 1_000, blindFor: 0 } });
    await one.lookup('anything');
    await other.set('k', 'old', { ...life, tags: ['t'] });
    await clock.advance('1s');
    answers = false;
    const changed = change(one);
    await clock.advance(0);
    expect(await one.get('k')).toBe('old');
    expect(one.peek('k')).toBe('old');
    fail(new StoreUnavailableError('memory', 'it is away'));
    expect(await changed).toBe(false);
    expect(one.peek('k')).toBeUndefined();
    answers = true;
    await one.close();
  });

  it.each(['clone', 'freeze'] as const)(
    'is nothing that is for the store alone, also where the reader says nothing of it: %s',
    async (isolation) => {
      const key = defineKey('part:{id}', { ...life, isolation })({ id: '1' });
      await other.set(key, 1, { tiers: ['store'] });
      for (let time = 0; time < 2; time++) expect(await cache.lookup(key)).toMatchObject({ tier: 'memory' });
      await other.set(key, 2);
      expect(await cache.lookup(key)).toMatchObject({ tier: 'memory' });
      expect(await cache.lookup(key)).toMatchObject({ tier: 'process' });
    },
  );

  it('is of the version that it was set with, and serves no other', async () => {
    await cache.set('k', 1, { ...life, version: 'one' });
    expect(await cache.lookup('k', { version: 'one' })).toMatchObject({ hit: true, tier: 'process' });
    expect(await cache.lookup('k', { version: 'two' })).toMatchObject({ hit: false, reason: 'version' });
  });

  it('is nothing to build on, from the instant on at which it is stale', async () => {
    const stale = { ttl: '10s', staleFor: '1h' } as const;
    await cache.set('inner', 'old', stale);
    const page = async (): Promise<string> => `page with ${String(await cache.get('inner'))}`;
    await clock.advance(9_999);
    expect(await cache.getOrSet('early', page, life)).toBe('page with old');
    await clock.advance(1);
    expect(await cache.getOrSet('late', page, life)).toBe('page with undefined');
  });

  it.each([10, 0])(
    'gives way to no answer that was asked for before it was made, %d ms later: neither is kept',
    async (ms) => {
      const held = new HeldAnswers(shared);
      const slow = await buildCache({ name: 'slow', store: held.store, clock, coherence: { interval: '1m' } });
      await slow.lookup('anything');
      await other.set('k', 'old', life);
      await clock.advance(ms);
      held.hold('readMany', 'k');
      const late = slow.lookup('k');
      await clock.advance(ms);
      await other.delete('k');
      expect(await slow.getOrSet('k', () => 'new', life)).toBe('new');
      held.letGo();
      await late;
      expect(slow.peek('k')).toBeUndefined();
      expect(await slow.get('k')).toBe('new');
      await slow.close();
    },
  );

  it('goes when its key or tag is named by another process, and that is told with its origin', async () => {
    await cache.set('a', 1, life);
    await cache.set('b', 2, { ...life, tags: ['t'] });
    await cache.set('c', 3, life);
    const events = recordEvents('invalidated');
    await other.delete('a');
    await other.invalidateTags('t');
    await clock.advance('1s');
    expect(['a', 'b', 'c'].map((key) => cache.peek(key))).toEqual([undefined, undefined, 3]);
    const told = events.of('invalidated').filter((event) => event.cache === 'default');
    expect(told.map(({ key, origin }) => [key, origin])).toEqual([
      ['a', 'remote'],
      ['tag t', 'remote'],
    ]);
    events.stop();
  });

  it('goes when its key is named by another process, also where that is so long that the feed has its digest', async () => {
    const long = 'k'.repeat(230);
    await cache.set(long, 1, life);
    expect(cache.peek(long)).toBe(1);
    await other.delete(long);
    await clock.advance('1s');
    expect(cache.peek(long)).toBeUndefined();
  });

  it('is nothing that was loaded while something was missed in the feed', async () => {
    let finish = (): void => {};
    const loaded = cache.getOrSet('k', () => new Promise<string>((resolve) => (finish = () => resolve('old'))), life);
    await clock.advance(0);
    await shared.shards[0].invalidate?.({
      feed: 'test',
      changes: [],
      records: [Buffer.from('nonsense')],
      watch: 'test~versions',
    });
    await clock.advance('1s');
    finish();
    expect(await loaded).toBe('old');
    expect(cache.peek('k')).toBeUndefined();
  });

  it('is the same promise for each who asks for it', async () => {
    await cache.set('k', { n: 1 }, life);
    const ask = (): Promise<unknown> => cache.getOrSet('k', () => ({ n: 2 }), life);
    expect(ask()).toBe(ask());
    expect(await ask()).toEqual({ n: 1 });
  });

  it('is another value for each who asks for a value of their own', async () => {
    const own = { ...life, isolation: 'clone' } as const;
    await cache.set('k', { n: 1 }, own);
    const ask = (): Promise<{ n: number }> => cache.getOrSet('k', () => ({ n: 2 }), own);
    const first = await ask();
    first.n = 3;
    expect(await ask()).toEqual({ n: 1 });
  });

  it('is dated by the store where that says that it is older than its clock tells', async () => {
    const clockAhead = Object.assign(Object.create(clock) as FakeClock, { now: () => clock.now() + 30_000 });
    const writer = await buildCache({ name: 'ahead', store: shared, clock: clockAhead, process: false });
    await writer.set('k', 1, { ttl: '40s', staleFor: '20s' });
    await clock.advance('39s');
    expect(await cache.lookup('k')).toMatchObject({ hit: true, freshness: 'fresh' });
    await clock.advance('1s');
    expect(await cache.lookup('k')).toMatchObject({ hit: true, freshness: 'stale' });
    await clock.advance('20s');
    expect(await cache.lookup('k')).toMatchObject({ hit: false });
    await writer.close();
  });
});
