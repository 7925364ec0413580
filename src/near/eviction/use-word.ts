/** What is known of an entry's uses, in 16 bits: credit in the lowest 2, the queue in 1, the epoch of the last use in the upper 13. */
export const creditBits = 0b11;
export const inMain = 0b100;
export const epochShift = 3;
/** More uses than these between two looks of the clock hand count as these. */
export const maxCredit = 3;
/** Epochs are counted around this circle. */
export const epochCircle = 2 ** 13;

export function creditOf(use: number): number {
  return use & creditBits;
}

export function epochOf(use: number): number {
  return use >> epochShift;
}
