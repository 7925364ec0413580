import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { AdaptiveMap, maxEvictionsAtOnce } from '../../../src/near/eviction/adaptive-map.js';
import { AdaptivePolicy } from '../../../src/near/eviction/adaptive-policy.js';
import { createBoundedMap } from '../../../src/near/eviction/create-bounded-map.js';
import type { Eviction } from '../../../src/near/eviction/create-bounded-map.js';
import { LruFallback } from '../../../src/near/eviction/lru-fallback.js';
import { epochCircle, epochOf } from '../../../src/near/eviction/use-word.js';
import { syntheticLoads, zipf } from '../../../bench/support/eviction/synthetic-loads.js';
import { seededRandom } from '../../support/seeded-random.js';
import { Item, PlainModel, compare } from './plain-model.js';

const endless = Number.MAX_SAFE_INTEGER;

afterEach(() => {
  jest.restoreAllMocks();
});

function hitsOf(eviction: Eviction, maxEntries: number, keys: Iterable<number>): number {
  const map = createBoundedMap<Item>(eviction, { maxEntries, maxBytes: endless, random: seededRandom(1) });
  let hits = 0;
  for (const key of keys) {
    if (map.get(`key:${key}`)) hits++;
    else map.set(`key:${key}`, new Item(key), 1);
  }
  return hits;
}

/** As `expect(found).toBe(wanted)`, in a hundredth of the time. */
function same(found: Item | undefined, wanted: Item | undefined): void {
  if (found !== wanted) throw new Error(`found ${found?.id}, wanted ${wanted?.id}`);
}

describe('AdaptiveMap', () => {
  it.each([
    ['entries', (random: () => number) => ({ maxEntries: 1 + Math.floor(random() * 40), maxBytes: endless })],
    ['bytes', (random: () => number) => ({ maxEntries: 10_000, maxBytes: 5 + Math.floor(random() * 400) })],
    [
      'entries and bytes',
      (random: () => number) => ({
        maxEntries: 1 + Math.floor(random() * 60),
        maxBytes: 10 + Math.floor(random() * 300),
      }),
    ],
  ])('keeps its books through a long life, bounded by %s', (_, boundsOf) => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = seededRandom(seed);
      const model = new PlainModel();
      const map = new AdaptiveMap<Item>({ ...boundsOf(random), random, onEvicted: model.evicted });
      for (let step = 0; step < 6_000; step++) {
        const key = `k${Math.floor(random() * random() * 200)}`;
        const chance = random();
        if (chance < 0.5) same(map.get(key), model.held.get(key)?.value);
        else if (chance < 0.85) model.set(key, new Item(step), 1 + Math.floor(random() * 30), map);
        else if (chance < 0.9995) {
          same(map.delete(key), model.held.get(key)?.value);
          model.held.delete(key);
        } else {
          map.clear();
          model.held.clear();
        }
        if (step % 50 === 0) compare(map, model);
      }
      const slots = [...map.entries()].map(([, { slot }]) => slot);
      expect(new Set(slots).size).toBe(slots.length);
      expect(Math.max(0, ...slots)).toBeLessThanOrEqual(map.maxEntries);
    }
  });

  it('evicts 1,000 entries for one value at most, and keeps it once it has made room', () => {
    const model = new PlainModel();
    const map = new AdaptiveMap<Item>({
      maxEntries: 10_000,
      maxBytes: 10_000,
      random: () => 0,
      onEvicted: model.evicted,
    });
    for (let index = 0; index < 10_000; index++) model.set(`key:${index}`, new Item(index), 1, map);
    for (let tries = 1; tries <= 5; tries++) {
      expect(model.set('large', new Item(tries), 5_500, map)).toBe(false);
      expect(model.evictions).toBe(tries * maxEvictionsAtOnce);
      compare(map, model);
    }
    expect(model.set('large', new Item(6), 5_500, map)).toBe(true);
    expect(model.evictions).toBe(5_500);
    compare(map, model);
  });

  it('does the same for a value that grows', () => {
    const model = new PlainModel();
    const map = new AdaptiveMap<Item>({
      maxEntries: 5_000,
      maxBytes: 5_000,
      random: () => 0,
      onEvicted: model.evicted,
    });
    for (let index = 0; index < 5_000; index++) model.set(`key:${index}`, new Item(index), 1, map);
    expect(model.set('key:7', new Item(1), 4_000, map)).toBe(false);
    expect([map.peek('key:7'), model.evictions]).toEqual([undefined, maxEvictionsAtOnce]);
    compare(map, model);
    // What it leaves is taken by others: as many fit as before.
    for (let index = 0; index < 5_000; index++) model.set(`later:${index}`, new Item(index), 1, map);
    expect(map.size).toBe(5_000);
    compare(map, model);
  });

  it('hits in a loop that is longer than the map, where LRU never does', () => {
    const loop = Array.from({ length: 20_000 }, (_, index) => index % 1_500);
    expect(hitsOf('adaptive', 1_000, loop)).toBeGreaterThan(0.6 * loop.length);
    expect(hitsOf('lru', 1_000, loop)).toBe(0);
  });

  it('keeps what is popular while keys pass that are asked for once', () => {
    const random = seededRandom(4);
    const popular = zipf(500, 0.8, random);
    const keys = Array.from({ length: 60_000 }, (_, index) => (random() < 0.5 ? popular() : 1_000 + index));
    expect(hitsOf('adaptive', 300, keys)).toBeGreaterThan(1.25 * hitsOf('lru', 300, keys));
  });

  describe('where LRU is the better policy', () => {
    const phases = (): number[] => {
      const near = zipf(1_500, 0.7, seededRandom(20_261_126));
      return Array.from({ length: 90_000 }, (_, index) => 700 * Math.floor(index / 6_000) + near());
    };

    it('stays within two hits of 100 of it', () => {
      const keys = phases();
      expect(hitsOf('adaptive', 1_000, keys)).toBeGreaterThan(hitsOf('lru', 1_000, keys) - 0.02 * keys.length);
    });

    it('loses more without its fallback', () => {
      const keys = phases();
      const ofLru = hitsOf('lru', 1_000, keys);
      jest.spyOn(LruFallback.prototype, 'countLoss').mockImplementation(() => undefined);
      expect(hitsOf('adaptive', 1_000, keys)).toBeLessThan(ofLru - 0.03 * keys.length);
    });
  });

  it('makes the decisions that its published hit ratios rest on', () => {
    const hits = syntheticLoads.map((made, place) => {
      const { name, capacities } = made;
      const load = made.keys(seededRandom(100 + place), 8_000);
      return [name, ...capacities.map((capacity) => hitsOf('adaptive', capacity, load))];
    });
    expect(hits).toMatchInlineSnapshot(`
      [
        [
          "zipf 0.7",
          1235,
          1994,
        ],
        [
          "zipf 0.9",
          3084,
          3882,
        ],
        [
          "zipf 1.1",
          5122,
          5768,
        ],
        [
          "loop",
          2462,
          4440,
        ],
        [
          "scans",
          2363,
          3018,
        ],
        [
          "new favourites",
          2075,
          2526,
        ],
        [
          "drift",
          2208,
          3422,
        ],
        [
          "sessions",
          2345,
          4646,
        ],
        [
          "one-offs",
          1645,
          2254,
        ],
        [
          "news",
          7298,
          7350,
        ],
      ]
    `);
  });
});

describe('AdaptivePolicy', () => {
  /** The lowest age, in epochs, that entries show which were never used again, while two others are used for three rounds of the circle. */
  const lowestAge = (): number => {
    const policy = new AdaptivePolicy(8, endless, 1);
    for (let index = 0; index < 9; index++) {
      if (policy.entries === 8) policy.evict(false);
      policy.enter(`key:${index}`, 1, index < 7);
    }
    const idle = 3;
    const busy = [4, 5];
    let lowest = Infinity;
    for (let use = 0; use < 3 * epochCircle; use++) {
      policy.use(busy[use % 2] as number);
      const age = (epochOf(policy.hottest) - epochOf(policy.slots.uses[idle] as number)) & (epochCircle - 1);
      if (use >= epochCircle / 2) lowest = Math.min(lowest, age);
    }
    return lowest;
  };

  it('lets no entry look young again because the epochs came round', () => {
    expect(lowestAge()).toBeGreaterThan(epochCircle / 4);
  });

  it('would do so if it did not age its entries', () => {
    jest
      .spyOn(AdaptivePolicy.prototype as unknown as { ageSome: () => void }, 'ageSome')
      .mockImplementation(() => undefined);
    expect(lowestAge()).toBeLessThan(10);
  });
});
