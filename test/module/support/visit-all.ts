import { expect } from '@jest/globals';
import type { Verdict } from './visits.js';

export const visitors = 200;

/** All visitors at once; each is answered with its own number. */
export async function visitAll(visit: (id: number) => Promise<unknown>, count = visitors): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, (_, id) => visit(id)));
  expect(answers).toEqual(Array.from({ length: count }, (_, id) => id));
}

/** Nobody saw another's, each had one scope and one load, they ran side by side, and nothing of them is left. */
export function expectNoCrossings({ crossings, mostInside, ...counts }: Verdict, count = visitors): void {
  expect(crossings.slice(0, 5)).toEqual([]);
  expect(counts).toEqual({ scopes: count, loads: count, open: 0 });
  expect(mostInside).toBeGreaterThan(1);
}
