import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { answerTimer } from '../../src/value/answer-timer.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** So that what two turns of the loop decide is decided. */
const settle = async (): Promise<void> => {
  for (let count = 0; count < 3; count++) await turn();
};

describe('The timer of an answer', () => {
  function started() {
    const clock = new VirtualClock(0);
    const told: number[] = [];
    const timer = answerTimer(clock, 250, () => told.push(clock.monotonic()));
    /** The loop is blocked until then, and goes on. */
    const blockedUntil = async (at: number): Promise<void> => {
      clock.skip(at - clock.monotonic());
      await clock.advanceTo(at, settle);
    };
    return { clock, told, timer, blockedUntil };
  }

  it('is over after its time, and once', async () => {
    const { clock, told } = started();
    await clock.advanceTo(249, settle);
    expect(told).toEqual([]);
    await clock.advanceTo(10_000, settle);
    expect(told).toEqual([250]);
  });

  it('is over two turns of the loop later: what has arrived is read before', async () => {
    const { clock, told, timer } = started();
    const at = clock.advanceTo(250, async () => {});
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual([]);
    timer.cancel();
    await at;
    await settle();
    expect(told).toEqual([]);
  });

  it('begins once more where the loop was blocked, and only once', async () => {
    const { told, clock, blockedUntil } = started();
    await blockedUntil(1_000);
    expect(told).toEqual([]);
    await clock.advanceTo(1_249, settle);
    expect(told).toEqual([]);
    await blockedUntil(2_000);
    expect(told).toEqual([2_000]);
  });

  it('does not where it is late by what a busy loop is', async () => {
    const { told, blockedUntil } = started();
    await blockedUntil(300);
    expect(told).toEqual([300]);
  });

  it('is never over when it was cancelled, also after it was put off', async () => {
    const { told, timer, clock, blockedUntil } = started();
    await blockedUntil(1_000);
    timer.cancel();
    await clock.advanceTo(10_000, settle);
    expect(told).toEqual([]);
  });
});
