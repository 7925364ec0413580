import { InvalidOptionError } from './errors.js';

/** @throws InvalidOptionError naming the option, for what is no whole number of 1 or more. */
export function assertBytes(option: string, given: number): void {
  if (Number.isSafeInteger(given) && given >= 1) return;
  throw new InvalidOptionError(option, `${String(given)} is no number of bytes`, 'Give a whole number of 1 or more.');
}
