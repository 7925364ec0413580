/** Chance that comes from a seed: the same sequence for the same seed, on every machine. */
export interface SeededRandom {
  /** 0 ≤ n < 1. */
  (): number;
  /** A whole number, both ends included. */
  integer(min: number, max: number): number;
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
  bytes(length: number): Buffer;
}

/** The same sequence for the same seed, on every machine (xorshift32). Those of neighbouring seeds have nothing in common. */
export function seededRandom(seed: number): SeededRandom {
  let state = mixed(seed) || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return Object.assign(() => next(), {
    integer,
    pick: <T>(items: readonly T[]): T => items[integer(0, items.length - 1)] as T,
    bytes: (length: number) => Buffer.from(Array.from({ length }, () => integer(0, 255))),
  });
}

/** Of 1 and 2, numbers that differ in half of their bits (the last step of MurmurHash3): xorshift begins with what it is given. */
export function mixed(seed: number): number {
  let bits = seed ^ 0x9e3779b9;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** A number for a text and a salt: each salt draws another order of the same texts. */
export function drawn(salt: number, text: string): number {
  let sum = mixed(salt);
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  return mixed(sum);
}

/**
 * One of the items by a draw that depends on the names alone, not on how many there are: where others come or go, the choice stays, unless it went
 * itself. So a story from which something was taken away goes on as before.
 */
export function pickByName<T>(items: Iterable<T>, nameOf: (item: T) => string, salt: number): T | undefined {
  let [chosen, least]: [T | undefined, number] = [undefined, Infinity];
  for (const item of items) {
    const draw = drawn(salt, nameOf(item));
    if (draw < least) [chosen, least] = [item, draw];
  }
  return chosen;
}
