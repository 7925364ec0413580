import { beforeEach, describe, expect, it } from '@jest/globals';
import { LruFallback } from '../../../src/near/eviction/lru-fallback.js';

const capacity = 1_000;
/** A tenth of the capacity, and one more. */
const enough = 101;

describe('The fallback to LRU', () => {
  let fallback: LruFallback;
  beforeEach(() => {
    fallback = new LruFallback();
  });
  const gains = (count: number): void => {
    for (let gain = 0; gain < count; gain++) fallback.countGain(capacity);
  };
  const losses = (count: number, of = capacity): void => {
    for (let loss = 0; loss < count; loss++) fallback.countLoss(of);
  };
  /** After how many evictions it is over. */
  const stay = (): number => {
    let evictions = 0;
    for (; fallback.active; evictions++) fallback.countEviction();
    return evictions;
  };

  it('begins when LRU is ahead by more than a tenth of the capacity', () => {
    losses(enough - 1);
    expect(fallback.active).toBe(false);
    losses(1);
    expect(fallback.active).toBe(true);
  });

  it('begins no sooner than after 32 losses, however small the map is', () => {
    losses(32, 10);
    expect(fallback.active).toBe(false);
    losses(1, 10);
    expect(fallback.active).toBe(true);
  });

  it('lasts for four capacities of evictions, and twice as long after each relapse, up to 64', () => {
    const stays: number[] = [];
    for (let time = 0; time < 7; time++) {
      losses(enough);
      stays.push(stay() / capacity);
    }
    expect(stays).toEqual([4, 8, 16, 32, 64, 64, 64]);
  });

  it('counts nothing while it lasts, and begins anew afterwards', () => {
    losses(enough);
    gains(50);
    losses(50);
    stay();
    losses(enough - 1);
    expect(fallback.active).toBe(false);
    losses(1);
    expect(fallback.active).toBe(true);
    fallback = new LruFallback();
    fallback.countEviction();
    expect(fallback.active).toBe(false);
  });

  it('is as long after the next relapse, whatever was gained while it lasted', () => {
    losses(enough);
    gains(5 * capacity);
    stay();
    losses(enough);
    expect(stay()).toBe(8 * capacity);
  });

  it('forgets gains beyond two capacities', () => {
    gains(2 * capacity - 1);
    losses(2 * capacity - 1 + enough - 1);
    expect(fallback.active).toBe(false);
    losses(1);
    expect(fallback.active).toBe(true);
    fallback = new LruFallback();
    gains(5 * capacity);
    losses(2 * capacity + enough - 1);
    expect(fallback.active).toBe(false);
    losses(1);
    expect(fallback.active).toBe(true);
  });

  it.each([0, 1])('forgets gains beyond two capacities, be they odd or even: %i', (odd) => {
    gains(5 * capacity + odd);
    losses(2 * capacity + enough - 1);
    expect(fallback.active).toBe(false);
    losses(1);
    expect(fallback.active).toBe(true);
  });

  it('lasts for four capacities again once the policy was ahead by two', () => {
    losses(enough);
    stay();
    gains(2 * capacity - 1);
    losses(2 * capacity - 1 + enough);
    expect(stay()).toBe(8 * capacity);
    gains(2 * capacity);
    losses(2 * capacity + enough);
    expect(stay()).toBe(4 * capacity);
  });
});
