import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { systemClock } from '../../src/value/clock.js';
import { onAbort } from '../../src/value/on-abort.js';

describe('a signal that many listen to', () => {
  it('has one listener of ours, and tells all who have not stopped', () => {
    const ending = new AbortController();
    const told: number[] = [];
    const stops = Array.from({ length: 20 }, (_, index) => onAbort(ending.signal, () => told.push(index)));
    expect(getEventListeners(ending.signal, 'abort')).toHaveLength(1);
    for (const stop of stops.slice(2)) stop();
    ending.abort();
    expect(told).toEqual([0, 1]);
    for (const stop of stops) stop();
    expect(told).toEqual([0, 1]);
  });

  // Node keeps a combined signal for as long as it has a listener and one of its sources lives: those of all requests, where the source is the application's.
  it('has none of ours once all have stopped, and one again for the next', () => {
    const ending = new AbortController();
    const stops = [onAbort(ending.signal, () => {}), onAbort(ending.signal, () => {})];
    stops[0]?.();
    stops[0]?.();
    expect(getEventListeners(ending.signal, 'abort')).toHaveLength(1);
    stops[1]?.();
    expect(getEventListeners(ending.signal, 'abort')).toEqual([]);
    const told: string[] = [];
    onAbort(ending.signal, () => told.push('next'));
    stops[1]?.();
    ending.abort();
    expect(told).toEqual(['next']);
  });

  it.each([
    ['the machine', systemClock],
    ['tests', new FakeClock()],
  ])('has one listener, however many sleep by the clock of %s until it aborts', async (_, clock) => {
    const ending = new AbortController();
    const sleeping = Array.from({ length: 11 }, () => clock.sleep(3_600_000, ending.signal));
    expect(getEventListeners(ending.signal, 'abort')).toHaveLength(1);
    ending.abort();
    await Promise.all(sleeping);
    await clock.sleep(3_600_000, ending.signal);
  });
});
