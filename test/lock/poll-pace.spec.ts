import { describe, expect, it } from '@jest/globals';
import { PollPace } from '../../src/lock/poll-pace.js';

const pauses = (random: () => number): number[] => {
  const pace = new PollPace(random);
  return Array.from({ length: 9 }, () => pace.pauseMs());
};
const longest = [20, 30, 45, 67.5, 101.25, 151.875, 227.8125, 250, 250];

describe('The pauses between two looks at a lock that is held', () => {
  it('grow by a half each time, from 20 ms up to 250 ms', () => {
    expect(pauses(() => 0)).toEqual(longest);
  });

  it('are shortened by chance, by a half at most', () => {
    expect(pauses(() => 1)).toEqual(longest.map((ms) => ms / 2));
    expect(pauses(() => 0.5)).toEqual(longest.map((ms) => ms * 0.75));
  });
});
