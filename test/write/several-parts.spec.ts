import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

const life = { ttl: '1h' } as const;
const coherence = { interval: 100, blindFor: 60_000 };
let clock: FakeClock;
/** `outer` and `outside` lie on its one part, `inner` and `inside` on the other. */
let faulty: FaultyStore;
let shared: Store;
let here: TieredCache;
let there: TieredCache;
let events: RecordedEvents;

beforeEach(async () => {
  clock = new FakeClock();
  shared = twoShardStore(clock);
  faulty = new FaultyStore(shared);
  here = await buildCache({ name: 'here', store: faulty.store, clock, coherence });
  // Of another release: what is written under one is removed under the other, and that is what is repeated of it.
  there = await buildCache({ name: 'there', packageVersion: '1.1.0', store: shared, clock, coherence });
  for (const cache of [here, there]) await cache.getMany(['outer', 'inner']);
  await clock.advance(200);
  events = recordEvents('invalidated');
  faulty.commands.splice(0);
});
afterEach(async () => {
  events?.stop();
  faulty.down = undefined;
  await Promise.all([here.close(), there.close()]);
});

const trips = (): number => faulty.commands.filter((command) => command.startsWith('invalidate')).length;

/** How often the other process was told of a key by the feed. */
async function timesTold(key: string): Promise<number> {
  await clock.advance(200);
  const isOfThere = (event: { cache: string; key?: string; origin: string }): boolean =>
    event.cache === 'there' && event.origin === 'remote' && event.key === key;
  return events.of('invalidated').filter(isOfThere).length;
}

describe('A call that one trip carries', () => {
  it.each([
    ['set', () => here.set('outer', 1, life)],
    ['delete', () => here.delete('outer')],
    ['invalidateTags', () => here.invalidateTags('outside')],
  ])('is not repeated: %s', async (_, call) => {
    expect(await call()).toBe(true);
    expect(trips()).toBe(1);
  });
});

describe('A call that several trips carry', () => {
  it.each([
    ['setMany', () => here.setMany(['outer', 'inner'].map((key) => [key, 1, life]))],
    ['deleteMany', () => here.deleteMany(['outer', 'inner'])],
    ['invalidateTags', () => here.invalidateTags('outside', 'inside')],
  ])('to two parts of the store is repeated once all were answered: %s', async (_, call) => {
    expect(await call()).toBe(true);
    expect(trips()).toBe(4);
  });

  it.each([
    ['setMany', (keys: readonly string[]) => here.setMany(keys.map((key) => [key, 1, life]))],
    ['deleteMany', (keys: readonly string[]) => here.deleteMany(keys)],
  ])('to one part, since it is long, is repeated as well: %s', async (_, call) => {
    const ofOnePart = Array.from({ length: 502 }, (_, index) => `${String.fromCharCode(0x100 + 2 * index)}outer`);
    expect(await call(ofOnePart)).toBe(true);
    expect(trips()).toBe(4);
  });
});

describe('A call to two parts of the store whose process clears before it is answered', () => {
  it.each([
    ['setMany', (waiting: TieredCache) => waiting.setMany(['outer', 'inner'].map((key) => [key, 1, life]))],
    ['deleteMany', (waiting: TieredCache) => waiting.deleteMany(['outer', 'inner'])],
  ])('takes nothing that another process has set since: %s', async (_, call) => {
    const held = new HeldAnswers(shared);
    const waiting = await buildCache({ name: 'waiting', store: held.store, clock, coherence });
    await waiting.getMany(['outer', 'inner']);
    held.hold('invalidate', 'inner');
    const called = call(waiting);
    await eventually(() => expect(held.held).toBe(1));
    await waiting.dangerouslyClear();
    expect(await there.set('outer', 2, life)).toBe(true);
    held.letGo();
    expect(await called).toBe(true);
    expect(await there.get('outer')).toBe(2);
  });
});

const cut: [string, (confirm?: boolean) => Promise<boolean>][] = [
  [
    'setMany',
    (confirm = false) =>
      here.setMany(
        ['outer', 'inner'].map((key) => [key, 1, life]),
        { confirm },
      ),
  ],
  ['deleteMany', (confirm = false) => here.deleteMany(['outer', 'inner'], { confirm })],
];

describe('A call that one of two parts of the store did not hear', () => {
  it.each(cut)('is repeated as a whole after that part has: %s', async (_, call) => {
    faulty.down = 'inner';
    expect(await call()).toBe(false);
    await clock.advance('3s');
    const before = await timesTold('outer');
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await timesTold('inner')).toBeGreaterThanOrEqual(1);
    expect(await timesTold('outer')).toBeGreaterThan(before);
    expect((await here.status()).unacknowledgedWrites).toBe(0);
  });

  it.each(cut)('is repeated until the repetition is acknowledged, too: %s', async (_, call) => {
    faulty.down = 'inner';
    expect(await call()).toBe(false);
    faulty.commands.splice(0);
    faulty.down = undefined;
    while (!faulty.commands.some((command) => /invalidate .*inner/.test(command))) await clock.advance(10);
    // The part that heard it first goes away before the call is repeated.
    faulty.down = 'outer';
    const before = await timesTold('outer');
    await clock.advance('3s');
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await timesTold('outer')).toBeGreaterThan(before);
  });

  it.each(cut)('rejects where confirm asks for it, and is repeated all the same: %s', async (_, call) => {
    faulty.down = 'inner';
    await expect(call(true)).rejects.toThrow(StoreUnavailableError);
    const before = await timesTold('outer');
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await timesTold('outer')).toBeGreaterThan(before);
  });

  it('advances the tags of the other part once more, when that part has heard', async () => {
    faulty.down = 'inside';
    expect(await here.invalidateTags('outside', 'inside')).toBe(false);
    faulty.commands.splice(0);
    faulty.down = undefined;
    await clock.advance('10s');
    expect(faulty.commands.some((command) => /^invalidate .*outside/.test(command))).toBe(true);
  });

  it('of one name alone is not repeated: what waits is all there was', async () => {
    faulty.down = 'inner';
    expect(await here.delete('inner')).toBe(false);
    faulty.commands.splice(0);
    faulty.down = undefined;
    await clock.advance('10s');
    expect(trips()).toBe(1);
  });
});

describe('What is stored after a call to two parts of the store, which is repeated', () => {
  const later: [string, (value: number) => Promise<unknown>][] = [
    ['set', (value) => here.set('outer', value, life)],
    ['update', (value) => here.update<number>('outer', () => value, life)],
    ['setIfAbsent', (value) => here.setIfAbsent('outer', value, life)],
  ];

  it.each(later)('stays when the part that was away has heard it: %s', async (_, store) => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    await store(7);
    faulty.down = undefined;
    await clock.advance('10s');
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    expect(await here.get('outer')).toBe(7);
    expect(await timesTold('outer')).toBeGreaterThan(0);
  });

  it.each(later)('stays where the call is not waited for: %s', async (_, store) => {
    const deleted = here.deleteMany(['outer', 'inner']);
    await Promise.all([store(7), deleted]);
    expect(await here.get('outer')).toBe(7);
    const deletedAgain = here.deleteMany(['outer', 'inner']);
    await deletedAgain;
    expect(await here.get('outer')).toBeUndefined();
  });

  it('stays where a setMany fails that began before', async () => {
    let answer = (): void => {};
    faulty.answersHeld = new Promise((resolve) => (answer = resolve));
    const call = here.setMany(['outer', 'inner'].map((key) => [key, 7, life]));
    await eventually(() => expect(faulty.commands.filter((one) => one.startsWith('invalidate'))).toHaveLength(2));
    const later = here.set('outer', 8, life);
    await eventually(() => expect(faulty.commands.filter((one) => one.startsWith('invalidate'))).toHaveLength(3));
    // The repetition of the call reaches nobody.
    faulty.down = 'inner';
    answer();
    expect(await Promise.all([call, later])).toEqual([false, true]);
    faulty.down = undefined;
    await clock.advance('10s');
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    expect(await here.get('outer')).toBe(8);
  });

  it('stays where the call was for several keys of one part', async () => {
    faulty.down = '';
    expect(await here.deleteMany(['outer', 'outside'])).toBe(false);
    faulty.down = 'outside';
    expect(await here.set('outer', 7, life)).toBe(true);
    faulty.down = undefined;
    await clock.advance('10s');
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    expect(await here.get('outer')).toBe(7);
  });

  it('stays where the repetition fails at first', async () => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    expect(await here.set('outer', 7, life)).toBe(true);
    faulty.commands.splice(0);
    faulty.down = undefined;
    while (!faulty.commands.some((command) => /invalidate .*inner/.test(command))) await clock.advance(10);
    faulty.down = 'outer';
    await clock.advance('3s');
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await here.get('outer')).toBe(7);
  });

  it('stays when it is stored twice, and goes with a later delete', async () => {
    faulty.down = 'inner';
    expect(await here.deleteMany(['outer', 'inner'])).toBe(false);
    expect(await here.set('outer', 7, life)).toBe(true);
    expect(await here.set('outer', 8, life)).toBe(true);
    expect(await here.deleteMany(['inner', 'outer'])).toBe(false);
    expect(await here.set('outer', 9, life)).toBe(true);
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await here.get('outer')).toBe(9);
    expect(await here.deleteMany(['outer', 'inner'])).toBe(true);
    expect(await here.get('outer')).toBeUndefined();
  });

  const failing: [string, () => Promise<boolean>][] = [
    [
      'deleteMany, then set',
      async () => {
        const deleted = await here.deleteMany(['outer', 'inner']);
        await here.set('outer', 7, life);
        return deleted;
      },
    ],
    ['setMany', () => here.setMany(['outer', 'inner'].map((key) => [key, 7, life]))],
  ];

  /** Another process, which has stored what `inner` was before. */
  async function ofSameRelease(): Promise<TieredCache> {
    const same = await buildCache({ name: 'same', store: shared, clock, coherence });
    await same.set('inner', 1, life);
    return same;
  }

  it.each(failing)('stays where nobody has built on the old part: %s', async (_, call) => {
    faulty.down = 'inner';
    expect(await call()).toBe(false);
    faulty.down = undefined;
    await clock.advance('10s');
    expect((await here.status()).unacknowledgedWrites).toBe(0);
    expect(await here.get('outer')).toBe(7);
    expect(await here.get('inner')).toBeUndefined();
  });

  it.each(
    failing.flatMap(([title, call]) => (['before', 'after'] as const).map((when) => [when, title, call] as const)),
  )('goes where another process has built on the old part, and stored that %s: %s', async (when, _, call) => {
    const same = await ofSameRelease();
    faulty.down = 'inner';
    expect(await call()).toBe(false);
    let land = (): void => {};
    const gate = new Promise<void>((resolve) => (land = resolve));
    const built = same.refresh(
      'outer',
      async () => {
        const inner = await same.get<number>('inner');
        if (when === 'after') await gate;
        return [inner, 'built'];
      },
      life,
    );
    if (when === 'before') await built;
    else await turn();
    faulty.down = undefined;
    await clock.advance('10s');
    land();
    await built;
    await clock.advance('1s');
    // What was built is removed or refused. A refusal takes 7 along: that stood when the refresh began, and was to be replaced.
    expect(await here.get('outer')).toBeUndefined();
    expect(await same.get('outer')).toBeUndefined();
  });

  it('goes where it was changed after another process had built on the old part of a setMany', async () => {
    const same = await ofSameRelease();
    faulty.down = 'inner';
    expect(await here.setMany(['outer', 'inner'].map((key) => [key, 7, life]))).toBe(false);
    await same.refresh('outer', async () => [await same.get('inner')], life);
    await clock.advance('1s');
    await here.update<unknown>('outer', (built) => [built, 'changed'], life);
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await here.get('outer')).toBeUndefined();
  });
});
