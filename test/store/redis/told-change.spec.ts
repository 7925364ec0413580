import { describe, expect, it } from '@jest/globals';
import { lifeOnTheWire } from '../../../src/store/redis/told-change.js';

const hourMs = 3_600_000;

describe('A life on the wire', () => {
  it.each([2_000, 60_000, hourMs, 7 * 24 * hourMs])(
    'of %d ms that may not be shorter lasts that long by a server whose clock is as much ahead as clocks drift',
    (lifeMs) => {
      const told = Number(lifeOnTheWire({ lifeMs, neverShorter: true }));
      expect(told / (1 + 500e-6)).toBeGreaterThanOrEqual(lifeMs);
    },
  );

  it('that others wait for is no longer than it was asked for', () => {
    expect(lifeOnTheWire({ lifeMs: hourMs + 0.5 })).toBe(`${hourMs}`);
    expect(lifeOnTheWire({ lifeMs: 0.5 })).toBe('1');
  });

  it('without an end is not told, and one that no server can count is cut off', () => {
    expect(lifeOnTheWire({ lifeMs: Infinity, neverShorter: true })).toBe('');
    expect(lifeOnTheWire({ lifeMs: Number.MAX_VALUE, neverShorter: true })).toBe(`${2 ** 52}`);
  });
});
