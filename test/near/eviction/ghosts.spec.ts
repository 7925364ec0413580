import { describe, expect, it } from '@jest/globals';
import { Ghosts } from '../../../src/near/eviction/ghosts.js';
import { keyHash } from '../../../src/near/eviction/key-hash.js';
import { seededRandom } from '../../support/seeded-random.js';

const capacity = 1_000;

function filled(count: number, seed = 1): Ghosts {
  const ghosts = new Ghosts(capacity);
  ghosts.resize(capacity);
  for (let index = 0; index < count; index++) ghosts.remember(keyHash(`key:${index}`, seed), index % 2 === 0, index);
  return ghosts;
}

describe('Ghosts', () => {
  it('remembers nearly all of the last capacity of evictions, with their queue, age and epoch', () => {
    const ghosts = filled(capacity);
    let found = 0;
    for (let index = 0; index < capacity; index++) {
      const ghost = ghosts.recall(keyHash(`key:${index}`, 1));
      if (ghost === 0) continue;
      found++;
      expect(ghosts.wasInMain(ghost)).toBe(index % 2 === 0);
      expect(Math.abs(ghosts.evictionsSince(ghost) - (capacity - index))).toBeLessThanOrEqual(capacity / 8);
      expect(ghosts.age(ghost, capacity)).toBe((capacity - index) % 512);
    }
    expect(found).toBeGreaterThan(0.95 * capacity);
  });

  it('gives a ghost back once', () => {
    const ghosts = filled(10);
    expect(ghosts.recall(keyHash('key:3', 1))).not.toBe(0);
    expect(ghosts.recall(keyHash('key:3', 1))).toBe(0);
  });

  it('says nothing of keys that went more than two capacities ago, nor, but for one look in a thousand, of keys that never were', () => {
    const ghosts = filled(5 * capacity);
    let wrong = 0;
    for (let index = 0; index < 2 * capacity; index++) if (ghosts.recall(keyHash(`key:${index}`, 1)) !== 0) wrong++;
    for (let index = 0; index < 18 * capacity; index++) if (ghosts.recall(keyHash(`new:${index}`, 1)) !== 0) wrong++;
    expect(wrong).toBeLessThan(20);
  });
});

describe('keyHash', () => {
  it.each([
    ['numbers in order', (index: number) => `content:${index}`],
    ['digits in every other character', (index: number) => [...String(index).padStart(6, '0')].join('x')],
    ['digits in the other characters', (index: number) => `y${[...String(index).padStart(6, '0')].join('x')}`],
    ['numbers before a common end', (index: number) => `${index}:profile:de`],
    ['characters of 16 bits', (index: number) => String.fromCharCode(index, 0x4e00 + (index % 1_000))],
  ])('spreads %s as chance would', (_, nameOf) => {
    const buckets = new Uint32Array(1_024);
    const tags = new Set<number>();
    const keys = 60_000;
    for (let index = 0; index < keys; index++) {
      const hash = keyHash(nameOf(index), 99);
      buckets[hash >>> 22] = (buckets[hash >>> 22] as number) + 1;
      tags.add(hash);
    }
    // Poisson with a mean of 58.6: seven standard deviations.
    expect(Math.max(...buckets)).toBeLessThan(115);
    expect(Math.min(...buckets)).toBeGreaterThan(10);
    // By chance 0.4 of 60,000 keys share all 32 bits with another.
    expect(keys - tags.size).toBeLessThan(8);
  });

  it('depends on the seed, takes keys of any length, and is never 0', () => {
    const random = seededRandom(1);
    for (let length = 0; length < 1_000; length++) {
      const key = Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');
      expect(keyHash(key, 1)).not.toBe(0);
      expect(keyHash(key, 1)).toBe(keyHash(key, 1));
      expect(keyHash(key, 1)).not.toBe(keyHash(key, 2));
    }
  });
});
