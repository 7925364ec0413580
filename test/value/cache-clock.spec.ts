import { describe, expect, it } from '@jest/globals';
import { CacheClock } from '../../src/value/cache-clock.js';
import { systemClock } from '../../src/value/clock.js';

/** Without leaving the present step of the loop. */
function passTwoMilliseconds(): void {
  for (const until = Date.now() + 2; Date.now() < until;);
}

describe('the instant of a step', () => {
  it('is one for all that is asked before the step ends, and a new one in the next', async () => {
    const clock = new CacheClock(systemClock);
    const first = clock.nowInStep();
    passTwoMilliseconds();
    expect(clock.nowInStep()).toBe(first);
    expect(clock.now()).toBeGreaterThan(first);
    await Promise.resolve();
    expect(clock.nowInStep()).toBeGreaterThan(first);
  });

  it('is read each time of a clock that a test provides', () => {
    let at = 1_800_000_000_000;
    const clock = new CacheClock({ ...systemClock, now: () => at, monotonic: () => at });
    expect(clock.nowInStep()).toBe(at);
    at += 7;
    expect(clock.nowInStep()).toBe(at);
  });
});
