import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CacheClock } from '../../src/value/cache-clock.js';
import { systemClock } from '../../src/value/clock.js';

/** Without leaving the present step of the loop. */
function passTwoMilliseconds(): void {
  for (const until = Date.now() + 2; Date.now() < until;);
}

describe('the instant of a step', () => {
  afterEach(() => void jest.useRealTimers());

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

  it('is read each time where fake timers have replaced the time', () => {
    const clock = new CacheClock(systemClock);
    jest.useFakeTimers();
    jest.setSystemTime(1_900_000_000_000);
    const first = clock.nowInStep();
    jest.setSystemTime(1_900_000_000_000 + 300_000);
    expect(clock.nowInStep() - first).toBe(300_000);
  });

  it('ends with the step where timers and microtasks are fake, and the time is not', async () => {
    const clock = new CacheClock(systemClock);
    jest.useFakeTimers({ doNotFake: ['Date', 'performance', 'hrtime'] });
    const first = clock.nowInStep();
    passTwoMilliseconds();
    await Promise.resolve();
    expect(clock.nowInStep()).toBeGreaterThan(first);
  });
});
