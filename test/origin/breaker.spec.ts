import { describe, expect, it } from '@jest/globals';
import { Breaker } from '../../src/origin/breaker.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';

describe('a breaker that is open', () => {
  it('lets one call through at a time, until that one has told how it went', () => {
    const clock = new VirtualClock();
    const breaker = new Breaker('shard', clock, { failures: 1, retryAfterMs: 1_000 });
    breaker.failed();
    expect(breaker.admits()).toBe(false);
    clock.skip(1_000);
    expect([breaker.admits(), breaker.admits(), breaker.admits()]).toEqual([true, false, false]);
    breaker.succeeded();
    expect([breaker.admits(), breaker.admits()]).toEqual([true, true]);
  });
});
