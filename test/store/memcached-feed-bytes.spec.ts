import { describe, expect, it } from '@jest/globals';
import { FeedState } from '../../src/store/memcached/feed-state.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { seededRandom } from '../support/seeded-random.js';

const mebibyte = 2 ** 20;
const firstNumber = 1_000_000;

/** Follows so many segments of these lengths by others, and tells what the server holds then. */
function heldAfter(lengths: readonly number[]): {
  readonly most: number;
  readonly least: number;
  readonly segments: number;
} {
  const tuning = { segmentBytes: 16_384, leastLifeMs: 0, drawId: () => 'id', comparesIds: true, comparesChain: true };
  const feed = new FeedState('f', { ...tuning, clock: new FakeClock() });
  const held = new Map<number, number>();
  let [most, least] = [0, Infinity];
  let told = 0;
  for (const [index, length] of lengths.entries()) {
    const number = firstNumber + index;
    feed.learn({ number, id: 'id' });
    held.set(number, length);
    expect(feed.isFull(length, mebibyte)).toBe(true);
    for (const { line } of feed.retire(number)) if (line.startsWith('md ')) held.delete(Number(line.split(':')[1]));
    told += length;
    const bytes = [...held.values()].reduce((sum, one) => sum + one, 0);
    most = Math.max(most, bytes);
    if (told > 6 * mebibyte) least = Math.min(least, bytes);
  }
  const numbers = [...held.keys()];
  return { most, least, segments: Math.max(...numbers) - Math.min(...numbers) + 1 - numbers.length };
}

describe('the segments of a feed that a server holds', () => {
  const random = seededRandom(1);
  const many = (count: number, length: () => number): number[] => Array.from({ length: count }, length);
  it.each([
    ['short ones', many(1_000, () => 16_384)],
    ['long ones', many(200, () => 250_000)],
    ['long ones, then short ones', [...many(60, () => 250_000), ...many(1_000, () => 16_384)]],
    ['short ones, then long ones', [...many(1_000, () => 16_384), ...many(60, () => 250_000)]],
    ['of any length', many(1_000, () => random.integer(16_384, 260_000))],
  ])('take 4 to 6 MiB, with none left in between: %s', (_, lengths) => {
    const { most, least, segments } = heldAfter(lengths);
    expect(most).toBeLessThan(6 * mebibyte);
    expect(least).toBeGreaterThan(4 * mebibyte);
    expect(segments).toBe(0);
  });
});
