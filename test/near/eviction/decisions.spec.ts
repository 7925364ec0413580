import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { AdaptiveMap } from '../../../src/near/eviction/adaptive-map.js';
import { zipf } from '../../../bench/support/eviction/synthetic-loads.js';
import { seededRandom } from '../../support/seeded-random.js';
import { Item } from './plain-model.js';

const uses = 6_000;
const keysOf: Record<string, (random: () => number) => (index: number) => number> = {
  'favourites, and what is asked for once': (random) => {
    const favourite = zipf(150, 0.8, random);
    return (index) => (random() < 0.5 ? favourite() : 1_000 + index);
  },
  'a loop that is longer than the map': () => (index) => index % 90,
  'favourites that change': (random) => {
    const near = zipf(120, 0.7, random);
    return (index) => 50 * Math.floor(index / 400) + near();
  },
  'scans between favourites': (random) => {
    const favourite = zipf(60, 0.9, random);
    return (index) => (index % 500 < 150 ? 10_000 + index : favourite());
  },
};

/** Uses of a small map: which keys went, in their order, as a digest; and how many were hits. */
function decisions(name: string, maxBytes: number): [hits: number, digest: string] {
  const gone = createHash('sha256');
  const map = new AdaptiveMap<Item>({
    maxEntries: 64,
    maxBytes,
    random: seededRandom(1),
    onEvicted: (key) => gone.update(`${key} `),
  });
  const random = seededRandom(7);
  const next = (keysOf[name] as (typeof keysOf)[string])(random);
  let hits = 0;
  for (let index = 0; index < uses; index++) {
    const key = `key:${next(index)}`;
    if (map.get(key)) hits++;
    else map.set(key, new Item(index), 1 + (index % 7));
    if (index % 97 === 0) map.delete(`key:${next(index)}`);
  }
  return [hits, gone.digest('hex').slice(0, 12)];
}

/** Whatever changes one of these is another policy: bench/eviction-table.ts has to measure its hit ratios anew. */
describe('Which entries of a small map go', () => {
  it('is what it was when its hit ratios were measured, where entries are short', () => {
    const endless = Number.MAX_SAFE_INTEGER;
    const found = Object.fromEntries(Object.keys(keysOf).map((name) => [name, decisions(name, endless)]));
    expect(found).toMatchInlineSnapshot(`
      {
        "a loop that is longer than the map": [
          4142,
          "153030fdedc9",
        ],
        "favourites that change": [
          3820,
          "5396adf243ac",
        ],
        "favourites, and what is asked for once": [
          2056,
          "58075820da87",
        ],
        "scans between favourites": [
          4038,
          "b70e68f56249",
        ],
      }
    `);
  });

  it('is what it was when its hit ratios were measured, where bytes are short', () => {
    const found = Object.fromEntries(Object.keys(keysOf).map((name) => [name, decisions(name, 160)]));
    expect(found).toMatchInlineSnapshot(`
      {
        "a loop that is longer than the map": [
          157,
          "43ad52c2ec56",
        ],
        "favourites that change": [
          3047,
          "438d90ba61f2",
        ],
        "favourites, and what is asked for once": [
          1781,
          "c81295720629",
        ],
        "scans between favourites": [
          3696,
          "27fa5c810d66",
        ],
      }
    `);
  });
});
