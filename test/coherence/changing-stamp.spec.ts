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
