import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';

const life = { ttl: '1h' } as const;
let clock: FakeClock;
let shared: Store;
/** Of the process whose stamp changes. */
let stamp: string;
const caches: TieredCache[] = [];

beforeEach(() => {
  clock = new FakeClock();
  shared = memoryStore({ clock });
  stamp = 'one';
});
afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

async function process(own: Partial<CacheConfiguration>): Promise<TieredCache> {
  const cache = await buildCache({ store: shared, clock, coherence: { interval: 1_000 }, ...own });
  caches.push(cache);
  return cache;
}
const changing = (store: Store): Promise<TieredCache> => process({ store, versionStamp: () => stamp });
const ofStamp = (versionStamp: string): Promise<TieredCache> => process({ versionStamp, process: false });

describe('What was invalidated under one stamp, and is acknowledged under the next', () => {
  it.each<[string, (cache: TieredCache) => Promise<boolean>]>([
    ['delete', (cache) => cache.delete('k')],
    ['set', (cache) => cache.set('k', 'new', life)],
    ['expire', (cache) => cache.expire('k')],
  ])('is there under neither, after an outage: %s', async (_, call) => {
    const faulty = new FaultyStore(shared);
    const here = await changing(faulty.store);
    for (const cache of [here, await ofStamp('two')]) await cache.set('k', 'old', life);
    faulty.down = '';
    expect(await call(here)).toBe(false);
    stamp = 'two';
    await clock.advance(1_100);
    faulty.down = undefined;
    await clock.advance('10s');
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    for (const one of ['one', 'two']) expect(await (await ofStamp(one)).get('k')).toBeUndefined();
  });

  it.each<[string, (cache: TieredCache) => Promise<boolean>]>([
    ['delete', (cache) => cache.delete('k')],
    ['set', (cache) => cache.set('k', 'new', life)],
  ])('is not there as it was, where the list of versions is read on the way: %s', async (_, call) => {
    const held = new HeldAnswers(shared);
    const here = await changing(held.store);
    await here.set('other', 1, life);
    // Not known to `here`: the answer to its append tells of it.
    await (await ofStamp('two')).set('k', 'old', life);
    held.hold('invalidate', '');
    const called = call(here);
    await clock.advance(0);
    stamp = 'two';
    await clock.advance(1_100);
    held.letGo();
    await clock.advance('3s');
    expect(await called).toBe(true);
    expect(await (await ofStamp('two')).get('k')).not.toBe('old');
  });
});

/**
 * 1. A look-up here waits, and asks the store for the key of the old stamp; 2. the stamp changes, and near copies go; 3. the new stamp's value is near;
 * 4. the store answers the look-up: what it holds under the old stamp, which is older than what is near, though it was read later.
 */
describe('What is read under one stamp, and comes in under the next', () => {
  /** The stamp becomes another one, and `here` knows. */
  const changed = async (): Promise<void> => {
    stamp = 'two';
    await clock.advance(1_100);
  };
  const never = (): never => {
    throw new Error('it was loaded');
  };

  it('is the answer of who waited for another process’s load, and nobody else’s', async () => {
    const [here, there] = [await changing(shared), await ofStamp('one')];
    let fill = (): void => {};
    const load = (): Promise<string> => new Promise((resolve) => (fill = () => resolve('old')));
    const loading = there.getOrSet('k', load, life);
    const waiting = here.getOrSet('k', never, life);
    await clock.advance(10);
    await changed();
    expect(await here.getOrSet('k', () => 'new', life)).toBe('new');
    fill();
    expect(await loading).toBe('old');
    await clock.advance(500);
    expect(await waiting).toBe('old');
    expect(await here.get('k')).toBe('new');
  });

  it('is the answer of who waited for the turn of a load, and nobody else’s', async () => {
    const here = await process({ versionStamp: () => stamp, maxConcurrentLoads: 1 });
    let end = (): void => {};
    const load = (): Promise<number> => new Promise((resolve) => (end = () => resolve(1)));
    const running = here.getOrSet('other', load, life);
    await clock.advance(0);
    const waiting = here.getOrSet('k', never, life);
    await clock.advance(10);
    expect(await (await ofStamp('one')).getOrSet('k', () => 'old', life)).toBe('old');
    await changed();
    expect(await (await ofStamp('two')).getOrSet('k', () => 'new', life)).toBe('new');
    expect(await here.get('k')).toBe('new');
    end();
    await running;
    expect(await waiting).toBe('old');
    expect(await here.get('k')).toBe('new');
  });

  it('is the answer of who waited for a reading of the feed, and nobody else’s', async () => {
    const held = new HeldAnswers(shared);
    const here = await process({ store: held.store, versionStamp: () => stamp, coherence: { blindFor: 0 } });
    await here.lookup('anything');
    await (await ofStamp('two')).set('k', 'new', life);
    await (await ofStamp('one')).getOrSet('k', () => 'old', life);
    held.hold('readFeed', '');
    await clock.advance('5s');
    const waiting = here.get('k');
    await clock.advance(0);
    await changed();
    held.letGo();
    await clock.advance(10);
    expect(await waiting).toBe('old');
    expect(await here.get('k')).toBe('new');
  });
});

/** 1. It reads the entry of the old stamp; 2. the stamp changes; 3. what it makes of that is sealed for the new stamp, and would be written to the place of the old one. */
describe('A change of an entry that is under way while the stamp changes', () => {
  it('is decided once more', async () => {
    const held = new HeldAnswers(shared);
    const here = await changing(held.store);
    await here.set('k', 1, life);
    await (await ofStamp('two')).getOrSet('k', () => 100, life);
    held.hold('readMany', here.storeKey('k'));
    const updated = here.update<number>('k', (current = 0) => current + 1, life);
    await clock.advance(0);
    stamp = 'two';
    await clock.advance(1_100);
    held.letGo();
    await clock.advance(100);
    expect(await updated).toBe(101);
    expect(await here.get('k')).toBe(101);
    expect(await (await ofStamp('two')).get('k')).toBe(101);
  });

  it.each<[string, (cache: TieredCache) => Promise<string>]>([
    ['setIfAbsent', (cache) => cache.setIfAbsent('k', 'new', life)],
    ['update', (cache) => cache.update<string>('k', (current) => current ?? 'new', life)],
  ])('answers nothing of the old one, where it waits for a reading of the feed: %s', async (_, change) => {
    const held = new HeldAnswers(shared);
    const here = await process({ store: held.store, versionStamp: () => stamp, coherence: { blindFor: 0 } });
    await here.lookup('anything');
    await (await ofStamp('one')).set('k', 'old', life);
    held.hold('readFeed', '');
    await clock.advance('5s');
    const changed = change(here);
    await clock.advance(0);
    stamp = 'two';
    await clock.advance(1_100);
    held.letGo();
    await clock.advance(100);
    expect(await changed).toBe('new');
    for (const cache of [here, await ofStamp('two')]) expect(await cache.get('k')).toBe('new');
  });
});
