import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { BoundedMap } from '../../../src/near/eviction/bounded-map.js';
import { createBoundedMap } from '../../../src/near/eviction/create-bounded-map.js';
import type { Eviction } from '../../../src/near/eviction/create-bounded-map.js';
import { InvalidOptionError } from '../../../src/value/errors.js';
import { seededRandom } from '../../support/seeded-random.js';
import { Item, PlainModel, compare } from './plain-model.js';

const endless = Number.MAX_SAFE_INTEGER;

function open(eviction: Eviction, bounds: { maxEntries?: number; maxBytes?: number }, seed = 1) {
  const model = new PlainModel();
  const map = createBoundedMap<Item>(eviction, {
    maxEntries: bounds.maxEntries ?? 10_000,
    maxBytes: bounds.maxBytes ?? endless,
    random: seededRandom(seed),
    onEvicted: model.evicted,
  });
  return { map, model };
}

type Step = (map: BoundedMap<Item>, model: PlainModel) => void;

const key = fc.integer({ min: 0, max: 24 }).map((number) => `key:${number}`);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: key.map((name): Step => (map, model) => {
      expect(map.get(name)).toBe(model.held.get(name)?.value);
    }),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(key, fc.integer({ min: 1, max: 40 }), fc.nat()).map(([name, bytes, id]): Step => {
      return (map, model) => {
        const kept = model.set(name, new Item(id), bytes, map);
        expect(kept).toBe(bytes <= map.maxBytes);
        expect(map.peek(name) !== undefined).toBe(kept);
      };
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(key, fc.integer({ min: 1, max: 40 })).map(([name, bytes]): Step => {
      return (map, model) => {
        const same = model.held.get(name)?.value;
        if (same) model.set(name, same, bytes, map);
      };
    }),
  },
  {
    weight: 2,
    arbitrary: key.map((name): Step => (map, model) => {
      expect(map.delete(name)).toBe(model.held.get(name)?.value);
      model.held.delete(name);
    }),
  },
  {
    weight: 1,
    arbitrary: key.map((name): Step => (map, model) => {
      expect(map.peek(name)).toBe(model.held.get(name)?.value);
    }),
  },
);
const clear: Step = (map, model) => {
  map.clear();
  model.held.clear();
};
const steps = fc.array(fc.oneof({ weight: 60, arbitrary: step }, { weight: 1, arbitrary: fc.constant(clear) }), {
  maxLength: 300,
});
const bounds = fc.record(
  { maxEntries: fc.integer({ min: 1, max: 12 }), maxBytes: fc.integer({ min: 10, max: 200 }) },
  { requiredKeys: [] },
);

describe.each(['adaptive', 'lru'] as const)('%s: a bounded map', (eviction) => {
  it('holds what a plain model holds, within both bounds, after any calls', () => {
    fc.assert(
      fc.property(bounds, fc.integer(), steps, (limits, seed, calls) => {
        const { map, model } = open(eviction, limits, seed);
        for (const call of calls) {
          call(map, model);
          compare(map, model);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('makes the same evictions for the same seed and calls', () => {
    const evictionsOf = (seed: number): string[] => {
      const gone: string[] = [];
      const random = seededRandom(seed);
      const map = createBoundedMap<Item>(eviction, {
        maxEntries: 100,
        maxBytes: 3_000,
        random: seededRandom(7),
        onEvicted: (name) => gone.push(name),
      });
      for (let index = 0; index < 8_000; index++) {
        const name = `key:${Math.floor(random() ** 2 * 500)}`;
        if (!map.get(name)) map.set(name, new Item(index), 1 + Math.floor(random() * 60));
      }
      return gone;
    };
    expect(evictionsOf(3)).toEqual(evictionsOf(3));
    expect(evictionsOf(3).length).toBeGreaterThan(1_000);
  });

  it('takes peek and entries for no use', () => {
    const evictionsOf = (look: (map: BoundedMap<Item>, name: string) => unknown): string[] => {
      const gone: string[] = [];
      const random = seededRandom(5);
      const map = createBoundedMap<Item>(eviction, {
        maxEntries: 50,
        maxBytes: endless,
        random: seededRandom(7),
        onEvicted: (name) => gone.push(name),
      });
      for (let index = 0; index < 5_000; index++) {
        const name = `key:${Math.floor(random() ** 2 * 200)}`;
        if (!map.get(name)) map.set(name, new Item(index), 1);
        look(map, `key:${index % 200}`);
      }
      return gone;
    };
    const undisturbed = evictionsOf(() => undefined);
    expect(evictionsOf((map, name) => [map.peek(name), ...map.entries()])).toEqual(undisturbed);
    expect(evictionsOf((map, name) => map.get(name))).not.toEqual(undisturbed);
  });

  it('says nothing of a value that was replaced, deleted, cleared or refused', () => {
    const { map, model } = open(eviction, { maxBytes: 100 });
    model.set('a', new Item(1), 10, map);
    model.set('a', new Item(2), 20, map);
    expect(map.set('a', new Item(3), 101)).toBe(false);
    expect(map.peek('a')).toBeUndefined();
    map.set('b', new Item(4), 10);
    map.delete('b');
    map.set('c', new Item(5), 10);
    map.clear();
    expect([map.size, map.bytes, model.evictions]).toEqual([0, 0, 0]);
  });

  it('never evicts the entry that grows, as long as it fits', () => {
    const { map, model } = open(eviction, { maxBytes: 100 });
    for (let index = 0; index < 10; index++) model.set(`key:${index}`, new Item(index), 10, map);
    expect(model.set('key:0', new Item(100), 100, map)).toBe(true);
    compare(map, model);
    expect([...map.entries()].map(([name]) => name)).toEqual(['key:0']);
  });

  it('lets entries be deleted while they are listed', () => {
    const { map } = open(eviction, { maxEntries: 100 });
    for (let index = 0; index < 100; index++) map.set(`key:${index}`, new Item(index), 1);
    for (const [name, { id }] of map.entries()) if (id % 2 === 0) map.delete(name);
    expect(map.size).toBe(50);
    expect([...map.entries()].every(([, { id }]) => id % 2 === 1)).toBe(true);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('refuses %p as a size, and changes nothing', (count) => {
    const { map, model } = open(eviction, {});
    model.set('a', new Item(1), 1, map);
    expect(() => map.set('a', new Item(2), count)).toThrow(InvalidOptionError);
    compare(map, model);
  });

  it('holds millions of bytes and thousands of entries, as full as the bounds allow', () => {
    const { map, model } = open(eviction, { maxEntries: 66_000, maxBytes: endless });
    for (let index = 0; index < 70_000; index++) model.set(`key:${index}`, new Item(index), 1_000, map);
    expect([map.size, map.bytes, model.evictions]).toEqual([66_000, 66_000_000, 4_000]);
    compare(map, model);
  });
});

it('an unknown eviction is refused by name', () => {
  expect(() => open('fifo' as Eviction, {})).toThrow(
    "process.eviction: 'fifo' is unknown. Give 'adaptive' (the default) or 'lru'.",
  );
});

it('lru evicts the least recently used, as a plain list does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat({ max: 12 })), (maxEntries, uses) => {
      const map = createBoundedMap<Item>('lru', { maxEntries, maxBytes: endless, random: () => 0 });
      let list: number[] = [];
      for (const use of uses) {
        if (!map.get(`key:${use}`)) map.set(`key:${use}`, new Item(use), 1);
        list = [...list.filter((one) => one !== use), use].slice(-maxEntries);
        expect([...map.entries()].map(([, { id }]) => id).sort()).toEqual([...list].sort());
      }
    }),
  );
});
