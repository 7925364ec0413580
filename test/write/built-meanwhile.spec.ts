import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { shardOfKey } from '../../src/coherence/coherence.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { shardWith } from '../support/shard-with.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

const life = { ttl: '1h', staleFor: '1h' } as const;
let clock: FakeClock;
/** `outer` lies on its one part, `inner` on the other. */
let shared: Store;
let faulty: FaultyStore;
let here: TieredCache;
/** Of the same release, with a way to the store that nothing cuts. */
let mate: TieredCache;
/** Whenever `here` has read this key from the store. */
let afterReading: { readonly key: string; readonly call: () => void } | undefined;

beforeEach(async () => {
  clock = new FakeClock();
  shared = twoShardStore(clock);
  afterReading = undefined;
  faulty = new FaultyStore(
    storeBehind(shared, (shard) =>
      shardWith(shard, {
        readMany: async (keys: readonly string[]) => {
          const read = await shard.readMany(keys);
          if (afterReading && keys.some((key) => key.endsWith(afterReading?.key ?? ''))) afterReading.call();
          return read;
        },
      }),
    ),
  );
  const coherence = { interval: 100, blindFor: 60_000 };
  here = await buildCache({ name: 'here', store: faulty.store, clock, coherence });
  mate = await buildCache({ name: 'mate', store: shared, clock, coherence });
  for (const cache of [here, mate]) await cache.getMany(['outer', 'inner']);
  await mate.set('inner', 'old', life);
  await clock.advance(200);
});
afterEach(async () => {
  faulty.down = undefined;
  await Promise.all([here.close(), mate.close()]);
});

const buildOuter = (): Promise<string> =>
  mate.refresh('outer', async () => `with ${await mate.get<string>('inner')}`, life);

describe('What another process has built on a part that has not heard a call', () => {
  const changes: [string, () => Promise<unknown>][] = [
    ['expire', () => here.expire('outer')],
    ['update', () => here.update<string>('outer', (built) => `${built} and more`, life)],
    ['update of an update', () => here.update<string>('outer', (built) => `${built} and more`, life)],
  ];

  it.each(changes)(
    'goes when that part has heard it, also where this process has changed it: %s',
    async (how, change) => {
      faulty.down = 'inner';
      expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
      expect(await buildOuter()).toBe('with old');
      await change();
      if (how === 'update of an update') await change();
      expect(await mate.get('outer')).toMatch('with old');
      faulty.down = undefined;
      await clock.advance('10s');
      for (const cache of [here, mate]) {
        expect(await cache.get('outer')).toBeUndefined();
        expect(await cache.get('inner')).toBeUndefined();
      }
    },
  );

  it('goes also where this process had set the key before', async () => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    expect(await here.set('outer', 'set', life)).toBe(true);
    expect(await buildOuter()).toBe('with old');
    expect(await here.expire('outer')).toBe(true);
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await mate.get('outer')).toBeUndefined();
  });

  it.each(changes)('is not what this process has set, and changed then, which stays: %s', async (how, change) => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    expect(await here.set('outer', 'set', life)).toBe(true);
    await change();
    if (how === 'update of an update') await change();
    faulty.down = undefined;
    await clock.advance('10s');
    const [item] = await shardOfKey(shared, 'test', 'outer').readMany([here.storeKey('outer')]);
    expect(item?.bytes.length).toBeGreaterThan(0);
    expect(await mate.get('inner')).toBeUndefined();
  });

  it('goes also where another value of the call was too large for the store', async () => {
    faulty.down = 'inner';
    const tooLarge = 'x'.repeat(9e6);
    expect(
      await here.setMany([
        ['outer', tooLarge, life],
        ['inner', 'new', life],
      ]),
    ).toBe(false);
    expect(await buildOuter()).toBe('with old');
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await mate.get('outer')).toBeUndefined();
  });

  it('is not what this process has stored while somebody loads, which stays', async () => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    let land = (): void => {};
    const gate = new Promise<string>((resolve) => (land = () => resolve('loaded')));
    const loading = mate.getOrSet('outer', () => gate, life);
    await clock.advance(10);
    await here.update<string>('outer', () => 'stored', life);
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await here.get('outer')).toBe('stored');
    land();
    await loading;
  });
});

describe('A call over two parts, of which a key is set again and again', () => {
  it('settles, however often that is', async () => {
    let sets = 0;
    const set = (): void => void here.set('outer', sets++, life);
    const deleted = here.deleteMany(['outer', 'inner']);
    set();
    // Ends at some time, so that a call that does not settle is a failure and no hanging process.
    afterReading = { key: 'outer', call: () => (sets < 1_000 ? set() : undefined) };
    expect(await deleted).toBe(true);
    expect(sets).toBeLessThan(100);
    afterReading = undefined;
    await here.set('outer', 'last', life);
    expect(await mate.get('outer')).toBe('last');
  });
});
