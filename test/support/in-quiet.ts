import { expect } from '@jest/globals';

/**
 * A bound in milliseconds says something only on a machine that has nothing else to do: `npm run test:endurance` checks it, `npm test` does not. What happens
 * at all, how often and in which order is asserted beside it, in both.
 */
export function expectInQuiet(tookMs: number, boundMs: number): void {
  if (process.env['ENDURANCE'] === '1') expect(tookMs).toBeLessThan(boundMs);
}
