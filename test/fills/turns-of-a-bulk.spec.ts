import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';

let clock: FakeClock;
let cache: TieredCache;
/** Loads that have begun. */
let begun: number;
/** What the call came to. */
let told: unknown;

beforeEach(async () => {
  clock = new FakeClock();
  cache = await buildCache({ store: memoryStore({ clock }), clock });
  await cache.lookup('anything');
  begun = 0;
  told = undefined;
});
afterEach(() => cache.close());

const load = async (keys: readonly string[]): Promise<[string, number][]> => {
  begun++;
  await clock.sleep(900);
  return keys.map((key) => [key, 1]);
};
type Limits = Parameters<TieredCache['getOrSetMany']>[2];

function ask(count: number, limits: Limits): void {
  const keys = Array.from({ length: count }, (_, index) => `key${index}`);
  cache.getOrSetMany(keys, load, { ttl: '1h', ...limits }).then(
    (values) => (told = values.length),
    (error: unknown) => (told = error),
  );
}

async function passTurns(turns: number): Promise<void> {
  for (let turn = 1; turn <= turns; turn++) {
    await eventually(() => expect(begun).toBe(turn));
    await clock.advance(900);
  }
}

const tooLate = { code: 'LOAD_TIMEOUT', limit: 'timeout.hard' };

describe('A call of more keys than are loaded at a time', () => {
  it.each<[string, number, Limits]>([
    ['timeout.hard', 1, { timeout: { hard: '1s' } }],
    ['timeout.hard, longer than maxLoad', 2, { maxLoad: '1s', timeout: { hard: 1_900 } }],
  ])('waits for all of them as long as one caller may: %s', async (_, turns, limits) => {
    ask(10_000, limits);
    await passTurns(turns);
    await eventually(() => expect(begun).toBe(turns + 1));
    await clock.advance(99);
    expect(told).toBeUndefined();
    await clock.advance(1);
    await eventually(() => expect(told).toMatchObject(tooLate), { withinMs: 5_000 });
    expect(begun).toBe(turns + 1);
  });

  it('waits no longer for a load of another caller, once its time is over', async () => {
    const other = cache.getOrSet('key2500', () => clock.sleep(10_000).then(() => 2), { ttl: '1h' });
    ask(2_501, { timeout: { hard: '1s' } });
    await passTurns(1);
    await clock.advance(100);
    await eventually(() => expect(told).toMatchObject(tooLate), { withinMs: 5_000 });
    expect(begun).toBe(1);
    await clock.advance('10s');
    expect(await other).toBe(2);
  });

  it.each<[string, { hard?: string }]>([
    ['and timeout.hard', { hard: '1s' }],
    ['where timeout.hard is longer than maxLoad', { hard: '1h' }],
    ['without timeout.hard', {}],
  ])('is answered with what is stale within timeout.soft, of all its keys, %s', async (_, hard) => {
    const stale = { ttl: '10s', staleFor: '1h' } as const;
    const keys = Array.from({ length: 2_501 }, (_, index) => `key${index}`);
    await cache.setMany(keys.map((key) => [key, 0, stale]));
    await clock.advance('11s');
    ask(2_501, { ...stale, timeout: { soft: 800, ...hard } as { soft: number } });
    await eventually(() => expect(begun).toBe(2_500));
    await clock.advance(799);
    expect(told).toBeUndefined();
    await clock.advance(1);
    await eventually(() => expect(told).toBe(2_501), { withinMs: 5_000 });
    await clock.advance(200);
  });

  it('gives each of its loads maxLoad, without timeout.hard', async () => {
    ask(7_500, { maxLoad: '1s' });
    await passTurns(3);
    await eventually(() => expect(told).toBe(7_500), { withinMs: 5_000 });
  });
});
