import type { Store } from '../store/store.js';
import { InvalidOptionError } from '../value/errors.js';

/**
 * How long the store keeps an entry from now: for its whole life, or for the time between two uses where that slides. Write it with
 * `neverShorter`: the entry's own instants decide.
 *
 * @throws InvalidOptionError for a sliding life on a store that can't touch.
 */
export function storedLifeMs(
  store: Store | undefined,
  idleMs: number | undefined,
  staleUntil: number,
  now: number,
): number {
  if (idleMs === undefined) return staleUntil - now;
  if (store && !store.capabilities.touch) {
    const problem = `the ${store.name} store can't extend a life with use`;
    throw new InvalidOptionError('ttl', problem, 'Use a life that does not slide.');
  }
  return Math.min(idleMs, staleUntil - now);
}
