import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { twoShardStore } from '../support/simulation/two-shard-store.js';

const life = { ttl: '1h' } as const;
let clock: FakeClock;
/** `outer` and `outside` lie on its one part, `inner` and `inside` on the other. */
let faulty: FaultyStore;
let here: TieredCache;
let there: TieredCache;
let events: RecordedEvents;

beforeEach(async () => {
  clock = new FakeClock();
  const shared = twoShardStore(clock);
  faulty = new FaultyStore(shared);
  const coherence = { interval: 100, blindFor: 60_000 };
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
