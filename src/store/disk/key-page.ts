import type { Clock } from '../../value/clock.js';
import { hashBytes } from './disk-key.js';
import type { Environment } from './environment.js';
import { neighbours } from './neighbours.js';

/** A part of a listing. Plain data: another container may ask for it. */
export interface KeyPage {
  readonly keys: readonly string[];
  /** Where the next page begins; undefined: this is the last. */
  readonly next: Uint8Array | undefined;
}

const pageLength = 500;
const budgetMs = 4;
const beforeAll: Uint8Array = Uint8Array.of(0, 0, 0, 0);

/** The keys of live items that begin with the prefix, from one stretch of the database: they lie in the order of their hashes. */
export function keyPage(environment: Environment, clock: Clock, prefix: string, after = beforeAll): KeyPage {
  const found = neighbours(environment, after, pageLength, { clock, budgetMs });
  const nowMs = clock.now();
  const keys = found
    .filter(({ expiresAt }) => nowMs < expiresAt)
    .map(({ key }) => Buffer.from(key.buffer, key.byteOffset + hashBytes, key.length - hashBytes).toString('latin1'))
    .filter((key) => key.startsWith(prefix));
  return { keys, next: found.at(-1)?.key };
}
