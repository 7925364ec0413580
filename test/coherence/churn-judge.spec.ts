import { expect, it } from '@jest/globals';
import { judgeChurn } from '../support/fleet/churn-judge.js';

const wentBackIn = (...journal: string[]): number =>
  judgeChurn(journal.join('\n'), { boundMs: 250, blindForMs: 1_000 }).wentBack.length;

it('A member that reads what is older than it has read has gone back, once the newer is acknowledged', () => {
  expect(wentBackIn('R 2 7 9 100 110', 'W 1 7 9 200', 'R 2 7 8 210 211')).toBe(1);
  expect(wentBackIn('R 2 7 9 100 110', 'W 1 7 9 200', 'R 2 7 9 210 211')).toBe(0);
  expect(wentBackIn('R 2 7 9 100 110', 'R 2 7 8 120 121', 'W 1 7 9 200')).toBe(0);
});

it('A member that read the older one before may read it again, and none that is older still', () => {
  expect(wentBackIn('R 2 7 9 100 110', 'R 2 7 8 120 121', 'W 1 7 9 200', 'R 2 7 8 210 211')).toBe(0);
  expect(wentBackIn('R 2 7 9 100 110', 'R 2 7 8 120 121', 'W 1 7 9 200', 'R 2 7 7 210 211')).toBe(1);
  expect(wentBackIn('R 2 7 9 100 110', 'R 3 7 8 120 121', 'W 1 7 9 200', 'R 2 7 8 210 211')).toBe(1);
});

it('A member is never behind its own write', () => {
  expect(wentBackIn('R 1 7 8 120 121', 'W 1 7 9 200', 'R 1 7 8 210 211')).toBe(1);
});
