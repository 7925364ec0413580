import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Breaker } from '../../src/origin/breaker.js';
import { recordEvents } from '../../src/testing/event-recorder.js';
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

describe('a breaker that counts', () => {
  it('takes what fails in one turn of the loop for one failure, and says once that it opened and closed', async () => {
    const events = recordEvents('breaker');
    const breaker = new Breaker('shard', new VirtualClock(), { failures: 3, retryAfterMs: 0 });
    breaker.succeeded();
    for (let turn = 1; turn <= 3; turn++) {
      for (let call = 0; call < 5; call++) breaker.failed();
      expect(breaker.isOpen).toBe(turn === 3);
      await setImmediate();
    }
    breaker.succeeded();
    breaker.succeeded();
    events.stop();
    expect(events.all.map((event) => ('state' in event ? event.state : undefined))).toEqual(['opened', 'closed']);
  });

  it('(−) opens at one cut connection where each of its commands counts', () => {
    const breaker = new Breaker('shard', new VirtualClock(), { failures: 3, countsTurnsOnce: false });
    for (let call = 1; call <= 3; call++) {
      expect(breaker.isOpen).toBe(false);
      breaker.failed();
    }
    expect(breaker.isOpen).toBe(true);
  });

  it('opens at five failures and lets a call through a second later, unless told otherwise', async () => {
    const clock = new VirtualClock();
    const breaker = new Breaker('shard', clock);
    for (let turn = 1; turn <= 5; turn++) {
      expect(breaker.isOpen).toBe(false);
      breaker.failed();
      await setImmediate();
    }
    expect(breaker.isOpen).toBe(true);
    clock.skip(999);
    expect(breaker.admits()).toBe(false);
    clock.skip(1);
    expect(breaker.admits()).toBe(true);
  });

  describe('under fake timers at first', () => {
    afterEach(() => {
      jest.useRealTimers();
    });

    it('opens after them like any other', async () => {
      const breaker = new Breaker('shard', new VirtualClock());
      jest.useFakeTimers();
      breaker.failed();
      jest.useRealTimers();
      for (let turn = 2; turn <= 5; turn++) {
        await setImmediate();
        expect(breaker.isOpen).toBe(false);
        breaker.failed();
      }
      expect(breaker.isOpen).toBe(true);
    });
  });
});
