import { onCacheEvent } from '../../src/value/events.js';

/**
 * Resolves when the one cache of this name has read the log of invalidations completely, by a reading that began after the call: the first reading that ends
 * may have begun before.
 */
export function logRead(name: string): Promise<void> {
  let left = 2;
  return new Promise((resolve) => {
    const stop = onCacheEvent('logRead', ({ cache, answered }) => {
      if (cache !== name || !answered) return;
      if (--left > 0) return;
      stop();
      resolve();
    });
  });
}
