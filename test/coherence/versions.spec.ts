import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Keyv } from 'keyv';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { shardWith } from '../support/shard-with.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';
import { recordEvents } from '../support/recorded-events.js';

describe('two releases on one store', () => {
  const caches: TieredCache[] = [];
  let clock: FakeClock;
  let store: Store;
  const release = async (packageVersion: string, own: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
    const cache = await buildCache({ store, clock, packageVersion, coherence: { interval: 1_000 }, ...own });
    caches.push(cache);
    return cache;
  };

  beforeEach(() => {
    clock = new FakeClock();
    store = memoryStore({ clock });
  });
  afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['deletes', (cache) => cache.delete('price')],
    ['sets', (cache) => cache.set('price', 'new', { tags: ['t'] })],
    ['updates', (cache) => cache.update('price', () => 'new')],
    ['expires', (cache) => cache.expire('price')],
    ['loads anew by force', (cache) => cache.refresh('price', () => 'new')],
    ['ends the freshness of a tag of', (cache) => cache.expireTags('t')],
    ['invalidates a tag of', (cache) => cache.invalidateTags('t')],
    ['clears all with', (cache) => cache.dangerouslyClear()],
  ])(
    'T2 what one %s, the other serves no more: not from the store, and not from near after the bound',
    async (_, change) => {
      const older = await release('1.4.0');
      const newer = await release('1.5.0');
      await older.set('price', 'old', { tags: ['t'] });
      await newer.set('price', 'old', { tags: ['t'] });
      await older.set('price', 'old', { tags: ['t'] });
      expect(older.peek('price')).toBe('old');
      await change(newer);
      const alone = await release('1.4.0', { process: false });
      expect(await alone.get('price')).toBeUndefined();
      await clock.advance(1_300);
      expect(older.peek('price')).toBeUndefined();
      expect(await older.get('price')).toBeUndefined();
    },
  );

  it('T2 a late fill of the one is refused after the other has invalidated', async () => {
    const older = await release('1.4.0');
    const newer = await release('1.5.0');
    let finish = (_: string): void => {};
    const loading = older.getOrSet('price', () => new Promise<string>((resolve) => (finish = resolve)));
    await clock.advance(0);
    await newer.delete('price');
    finish('old');
    expect(await loading).toBe('old');
    const alone = await release('1.4.0', { process: false });
    expect(await alone.get('price')).toBeUndefined();
  });

  it('T3 a release that comes back within the hour serves nothing that was invalidated while it was gone', async () => {
    const older = await release('1.4.0');
    await older.set('price', 'old', { ttl: '2h' });
    await older.set('other', 'kept', { ttl: '2h' });
    await older.close();
    caches.splice(0);
    const newer = await release('1.5.0');
    await clock.advance('30m');
    await newer.delete('price');
    const back = await release('1.4.0');
    expect(await back.get('price')).toBeUndefined();
    expect(await back.get('other')).toBe('kept');
  });

  it('T3 the same for a stamp that is changed and changed back', async () => {
    const before = await release('1.0.0', { versionStamp: 'one' });
    await before.set('price', 'old');
    const between = await release('1.0.0', { versionStamp: 'two' });
    await between.delete('price');
    const after = await release('1.0.0', { versionStamp: 'one', process: false });
    expect(await after.get('price')).toBeUndefined();
  });

  it('T3 a lost list of versions brings nothing back: neither to who comes back nor to who runs on', async () => {
    const older = await release('1.4.0');
    await older.set('price', 'old');
    const running = await release('1.4.0');
    expect(await running.get('price')).toBe('old');
    const newer = await release('1.5.0');
    await store.shards[0].remove('test~versions');
    await newer.delete('price');
    await clock.advance(1_300);
    expect(await running.get('price')).toBeUndefined();
    const back = await release('1.4.0', { process: false });
    expect(await back.get('price')).toBeUndefined();
  });

  it('T3 a release that starts between a writer’s look at the list and its removal is reached', async () => {
    const held = new HeldAnswers(store);
    const older = await release('1.4.0', { store: held.store });
    await older.set('something', 1); // knows one version
    const newer = await release('1.5.0');
    let finish = (_: string): void => {};
    const loading = newer.getOrSet('price', () => new Promise<string>((resolve) => (finish = resolve)));
    await clock.advance(0);
    await older.delete('price');
    finish('old');
    expect(await loading).toBe('old');
    const alone = await release('1.5.0', { process: false });
    expect(await alone.get('price')).toBeUndefined();
  });

  it('a version that nobody has renewed for a day starts anew when it comes back', async () => {
    const older = await release('1.4.0');
    await older.set('price', 'old', { ttl: '7d' });
    await older.close();
    caches.splice(0);
    const newer = await release('1.5.0');
    await newer.set('a', 1);
    for (let hour = 0; hour < 30; hour++) await clock.advance('1h');
    await newer.delete('price');
    const back = await release('1.4.0');
    expect(await back.get('price')).toBeUndefined();
  });

  it.each<[string, Partial<CacheConfiguration>]>([
    ['with coherence: false', { coherence: false }],
    ['over a Keyv', { store: keyvStore(new Keyv()), coherence: false }],
    ['with a coherence.interval of 30 hours', { coherence: { interval: '30h' } }],
  ])('a version that runs for more than a day %s is still listed: what another deletes is gone', async (_, own) => {
    const older = await release('1.4.0', { process: false, ...own });
    await older.set('price', 'old', { ttl: '7d' });
    await clock.advance('26h');
    const newer = await release('1.5.0', own);
    await newer.set('x', 1);
    expect(await older.get('price')).toBe('old');
    expect(await newer.delete('price')).toBe(true);
    expect(await older.get('price')).toBeUndefined();
  });

  it('a process that stood still for a day with coherence: false asks whether it is listed, and serves nothing of before', async () => {
    const older = await release('1.4.0', { process: false, coherence: false });
    await older.set('price', 'old', { ttl: '7d' });
    clock.jump(26 * 3_600_000);
    const newer = await release('1.5.0', { coherence: false });
    await newer.set('x', 1);
    expect(await newer.delete('price')).toBe(true);
    expect(await older.get('price')).toBeUndefined();
    await older.set('price', 'new');
    expect(await older.get('price')).toBe('new');
  });

  it('with coherence: false, near copies go within the hour once the version is not listed any more', async () => {
    const older = await release('1.4.0', { coherence: false });
    await older.set('price', 'old', { ttl: '7d' });
    expect(older.peek('price')).toBe('old');
    await store.shards[0].remove('test~versions');
    await clock.advance('1h');
    expect(older.peek('price')).toBeUndefined();
    expect(await older.get('price')).toBeUndefined();
  });

  it('processes that can’t compute each other’s keys void each other as a whole, and say so', async () => {
    const readable = await release('1.0.0');
    const hidden = await release('1.0.0', { keySecret: 'k'.repeat(32) });
    await hidden.set('price', 'old');
    await hidden.set('other', 'too');
    const events = recordEvents('fault');
    await readable.delete('price');
    expect(events.of('fault').map(({ kind }) => kind)).toContain('degraded');
    events.stop();
    const alone = await release('1.0.0', { keySecret: 'k'.repeat(32), process: false });
    expect(await alone.get('price')).toBeUndefined();
  });

  it('all versions of a key live beside each other, on whichever part of the store that is', async () => {
    let parts = 0;
    store = storeBehind(twoShardStore(clock), (shard) => shardWith(shard, { name: `part ${++parts}` }));
    const older = await release('1.4.0');
    const newer = await release('1.5.0');
    const shards = new Set<string | undefined>();
    for (const key of ['price', 'prices']) {
      const [one, other] = [await older.explain(key), await newer.explain(key)];
      // By what they are stored under they would lie on different parts.
      expect(store.shardOf(one.storeKey)).not.toBe(store.shardOf(other.storeKey));
      expect(one.shard).toBe(other.shard);
      shards.add(one.shard);
      await older.set(key, 'old', { ttl: '1h' });
      expect(await newer.delete(key)).toBe(true);
      expect(await (await release('1.4.0', { process: false })).get(key)).toBeUndefined();
    }
    expect(shards).toEqual(new Set(['part 1', 'part 2']));
  });
});

describe('T4 a wall clock that is stepped', () => {
  /** Steps by `stepMs` while its monotonic clock goes on. */
  function stepping() {
    const base = new FakeClock();
    let stepMs = 0;
    const clock = {
      now: () => base.now() + stepMs,
      monotonic: base.monotonic,
      after: base.after.bind(base),
      sleep: base.sleep.bind(base),
    };
    return { base, clock, step: (ms: number) => (stepMs += ms) };
  }
  const hour = 3_600_000;

  it('back during a load breaks no read and lengthens no life', async () => {
    const { base, clock, step } = stepping();
    const cache = await buildCache({ store: memoryStore({ clock }), clock, process: false });
    const loading = cache.getOrSet('k', () => base.sleep(100).then(() => 1), { ttl: '1m' });
    step(-50);
    await base.advance(100);
    expect(await loading).toBe(1);
    step(-hour);
    expect(await cache.get('k')).toBe(1);
    await base.advance('61s');
    expect(await cache.get('k')).toBeUndefined();
    await cache.close();
  });

  it.each([-hour, hour, -500])(
    'by %i ms: the feed is read on, and an invalidation is heard within the bound',
    async (ms) => {
      const { base, clock, step } = stepping();
      const store = memoryStore({ clock });
      const here = await buildCache({ store, clock, coherence: { interval: 50 } });
      const there = await buildCache({ store, clock, coherence: { interval: 50 } });
      await here.set('a', 'old', { ttl: '1d' });
      await base.advance(60);
      await there.get('a');
      step(ms);
      await base.advance(10);
      await here.delete('a');
      await base.advance(310);
      expect(there.peek('a')).toBeUndefined();
      await there.set('b', 1, { ttl: '1d' });
      await base.advance(60);
      expect(there.peek('b')).toBe(1);
      await Promise.all([here.close(), there.close()]);
    },
  );

  it('back while the store is away: near copies are believed no longer than blindFor', async () => {
    const { base, clock, step } = stepping();
    const held = memoryStore({ clock });
    const cache = await buildCache({ store: held, clock, coherence: { interval: 1_000, blindFor: 5_000 } });
    await cache.set('a', 1, { ttl: '1d' });
    await base.advance(1_100);
    expect(cache.peek('a')).toBe(1);
    await held.close();
    await base.advance(1_000);
    step(-hour);
    await base.advance(7_000);
    expect(cache.peek('a')).toBeUndefined();
    await cache.close();
  });

  it('T5 an entry is served no longer than its life where hosts disagree by 30 s', async () => {
    for (const ms of [30_000, -30_000]) {
      const { base, clock, step } = stepping();
      const behind = { ...clock, now: base.now };
      const store = memoryStore({ clock: behind });
      const writer = await buildCache({ store, clock, process: false });
      const reader = await buildCache({ store, clock: behind, process: false });
      step(ms);
      await writer.set('a', 1, { ttl: '40s' });
      await base.advance('41s');
      expect(await reader.get('a')).toBeUndefined();
      await Promise.all([writer.close(), reader.close()]);
    }
  });
});
