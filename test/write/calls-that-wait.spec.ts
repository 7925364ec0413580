import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

const life = { ttl: '1h' } as const;
let clock: FakeClock;
/** `outer` and `outside` lie on its one part, `inner` on the other. */
let faulty: FaultyStore;
let here: TieredCache;
/** Of the same release, with a way to the store that nothing cuts. */
let mate: TieredCache;
/** Called when `here` has read `outer` from the store. */
let afterReading: (() => void) | undefined;

beforeEach(async () => {
  clock = new FakeClock();
  const shared = twoShardStore(clock);
  afterReading = undefined;
  faulty = new FaultyStore(
    storeBehind(shared, (shard) => {
      const readMany = async (keys: readonly string[]): Promise<unknown> => {
        const read = await shard.readMany(keys);
        if (keys.some((key) => key.endsWith('outer'))) afterReading?.();
        return read;
      };
      return shardWith(shard, { readMany });
    }),
  );
  const coherence = { interval: 100, blindFor: 60_000 };
  // Another release has entries, too: what is written under one is removed under the other, also where a call is repeated.
  const there = await buildCache({ name: 'there', packageVersion: '1.1.0', store: shared, clock, coherence });
  await there.getMany(['outer', 'inner']);
  here = await buildCache({ name: 'here', store: faulty.store, clock, coherence });
  mate = await buildCache({ name: 'mate', store: shared, clock, coherence });
  await here.getMany(['outer', 'inner']);
  await clock.advance(200);
});
afterEach(async () => {
  faulty.down = undefined;
  await Promise.all([here.close(), mate.close()]);
});

const setBoth = (): Promise<boolean> => here.setMany(['outer', 'inner'].map((key) => [key, 1, life]));

/** How often the store was told to remove or write what ends so. */
const timesChanged = (key: string): number =>
  faulty.commands
    .filter((command) => command.startsWith('invalidate'))
    .flatMap((command) => command.split(' '))
    .filter((one) => one.endsWith(key)).length;

describe('Calls for the same keys that fail again and again', () => {
  it.each([
    ['setMany', () => setBoth()],
    ['deleteMany', () => here.deleteMany(['outer', 'inner'])],
    ['invalidateTags', () => here.invalidateTags('outer', 'inner')],
  ])('are repeated once, as the newest of them: %s', async (_, call) => {
    faulty.down = '';
    for (let calls = 0; calls < 200; calls++) expect(await call()).toBe(false);
    faulty.commands.splice(0);
    faulty.down = undefined;
    await clock.advance('20s');
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    expect(timesChanged('outer')).toBeGreaterThan(1);
    expect(timesChanged('outer')).toBeLessThan(20);
  });

  // The later call does less than the earlier one, and is no repetition of that.
  it.each([
    ['deletes, then sets', () => here.deleteMany(['outer', 'inner']), setBoth],
    [
      'invalidates tags, then expires them',
      () => here.invalidateTags('outer', 'inner'),
      () => here.expireTags('outer', 'inner'),
    ],
  ])('are repeated each by itself where one %s: what was built on the old part goes', async (_, first, second) => {
    const own = { ttl: '1h', staleFor: '1h', tags: ['outer'] } as const;
    await mate.set('inner', 'old', life);
    faulty.down = 'inner';
    expect(await first()).toBe(false);
    expect(await second()).toBe(false);
    expect(await mate.refresh('outer', async () => `with ${await mate.get<string>('inner')}`, own)).toBe('with old');
    faulty.down = undefined;
    await clock.advance('20s');
    expect(await mate.get('outer')).toBeUndefined();
  });
});

describe('A call that failed', () => {
  it('keeps its keys, and none of the values that it was to set', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const bytes = (): number => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    faulty.down = '';
    const call = (index: number): Promise<boolean> =>
      here.setMany(
        [`${index} outer`, `${index} inner`].map((key) => [key, Buffer.alloc(500_000, key).toString('latin1'), life]),
      );
    await call(0);
    const before = bytes();
    for (let index = 1; index <= 30; index++) expect(await call(index)).toBe(false);
    await eventually(() => expect(bytes() - before).toBeLessThan(10_000_000));
  });
});

describe('A call of which only its end waits', () => {
  const key = 'the end of a call for 2 names';
  let events: RecordedEvents;
  beforeEach(() => {
    events = recordEvents('fault', 'writeGivenUp');
  });
  afterEach(() => events.stop());

  it('counts as unacknowledged, and is said to be given up', async () => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    expect((await here.status()).unacknowledgedWrites).toBe(1);
    faulty.commands.splice(0);
    faulty.down = undefined;
    while (timesChanged('inner') === 0) await clock.advance(10);
    faulty.down = 'outer';
    await clock.advance('5s');
    expect((await here.status()).unacknowledgedWrites).toBe(1);
    await here.close();
    expect(events.of('writeGivenUp')).toMatchObject([{ key, reason: 'closed' }]);
  });

  it('is said to wait where none of its names does', async () => {
    // Its first sending is acknowledged. Its repetition fails, before which the key was set: so the removal of the key does not wait.
    afterReading = () => (faulty.down = 'outer');
    const [deleted] = await Promise.all([here.deleteMany(['outer', 'inner']), here.set('outer', 7, life)]);
    expect(deleted).toBe(false);
    expect((await here.status()).unacknowledgedWrites).toBe(1);
    expect(events.of('fault').filter(({ kind }) => kind === 'write-unacknowledged')).toMatchObject([{ key }]);
  });

  it('is not said to be given up beside the names that are', async () => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    await here.close();
    expect(events.of('writeGivenUp')).toMatchObject([{ key: 'inner', reason: 'closed' }]);
  });
});
