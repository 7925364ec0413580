/**
 * The machine's source of chance: 0 ≤ n < 1. `Math.random` is looked up at each call, so that a test that replaces it decides. Not for what nobody may
 * guess: tokens and ids come from `node:crypto`.
 */
export const systemRandom = (): number => Math.random();
