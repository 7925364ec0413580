import { describe, expect, it } from '@jest/globals';
import { Flight } from '../../src/load/flight.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

describe('A flight', () => {
  it('leaves no timer behind for a caller whose signal has aborted already', async () => {
    const clock = new FakeClock();
    const flight = new Flight('key', 0, () => new Promise(() => {}), clock.now(), []);
    const patience = { hardMs: 100, signal: AbortSignal.abort(new Error('gone')) };
    await expect(flight.join(clock, patience)).rejects.toThrow('gone');
    expect(clock.waiting).toBe(0);
    expect(flight.abandoned).toBe(true);
  });
});
